"""Send malformed HTTP requests, and malformed bodies of valid calls.

The requests are sent as bytes over sockets, all at the same time, as some run into the server's timeouts. A miss is a
status that RFC 9112 does not allow, an answer to a request hidden in another one's body, or a connection still open
after 20 seconds. The bodies are those of valid calls of every dialect, with credentials and signed, in which each field
in turn is replaced; some are broken as a whole. A miss is an answer not in the dialect's own format (for sections 6.1
and 10.2 that includes HTTP 500), no answer, or a UserSig that is wrongly accepted.

With either, a server that ended or uses more than 2 GiB is a miss.
"""

import collections
import itertools
import pathlib
import random
import re
import socket
import threading
import time

import signers
import wire_bodies
from harness import Report, Server, folder, seed
from wire_calls import Call, Caller
from wire_shapes import SHAPES, Shape

from journey import Pictures  # isort: skip

MOST_MEMORY_MIB = 2048
PATIENCE = 20.0
# The server's limit of a head, in bytes.
MAX_HEAD = 64 << 10
CLIENTS = 4
# Maximum bodies in the short round, by dialect.
SHORT = {"manual": 260, "JD Cloud": 100, "LinkVisual": 100, "Tencent IM": 80, "own": 20, "UserSig": 40}
MOST_MISSES_SHOWN = 6
STATUS_LINE = re.compile(rb"HTTP/1\.[01] (\d{3})")
SETTINGS = {
    "AICP_CONSOLE__ATTEMPTS_PER_MINUTE": "1000000",
    "AICP_JDCLOUD__MAX_GROUPS": "1000",
    "AICP_FETCH__ALLOWED_NETWORKS": '["127.0.0.0/8"]',
}


def exchanged(server: Server, token: str, shape: Shape) -> tuple[list[int], float | None]:
    """Returns the statuses received and the seconds until the connection was closed; None if it was not."""
    host, port = server.address.split(":")
    data = shape.bytes.replace(b"{host}", server.address.encode()).replace(b"{token}", token.encode())
    received, begun, seconds = b"", time.monotonic(), None
    with socket.create_connection((host, int(port)), timeout=PATIENCE) as connection:
        sender = threading.Thread(target=send, args=(connection, data))
        sender.start()
        while (left := begun + PATIENCE - time.monotonic()) > 0:
            connection.settimeout(left)
            try:
                part = connection.recv(65536)
            except ConnectionError:
                part = b""
            except TimeoutError:
                break
            if not part:
                seconds = time.monotonic() - begun
                break
            received += part
        try:
            connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        sender.join()
    return [int(status) for status in STATUS_LINE.findall(received) if status != b"100"], seconds


def send(connection: socket.socket, data: bytes) -> None:
    try:
        connection.sendall(data)
    except OSError:
        pass  # The server has closed the connection.


class Shapes:
    """Sends all shapes at the same time, each on its own connection."""

    def __init__(self, server: Server, token: str):
        self.server, self.token = server, token
        self.misses: list[str] = []
        self.threads = [threading.Thread(target=self.one, args=(shape,)) for shape in SHAPES]
        self.slowest = 0.0
        for thread in self.threads:
            thread.start()

    def one(self, shape: Shape) -> None:
        try:
            statuses, seconds = exchanged(self.server, self.token, shape)
        except OSError as error:
            self.misses.append(f"{shape.name}: {error!r}")
            return
        self.slowest = max(self.slowest, seconds or PATIENCE)
        if seconds is None:
            self.misses.append(f"{shape.name}: open after {PATIENCE:.0f} s, answered {statuses}")
        if len(statuses) > shape.answers:
            self.misses.append(f"{shape.name}: {len(statuses)} answers: {statuses[:5]}")
        if seconds is None and not statuses:
            return
        wrong = set(statuses[:1] or [0]) - shape.right
        if wrong or any(status >= 500 and status not in shape.right for status in statuses):
            self.misses.append(f"{shape.name}: {statuses[:3] or 'closed'}, right are {sorted(shape.right)}")

    def report(self, report: Report) -> None:
        for thread in self.threads:
            thread.join()
        report.row("requests by the byte", f"{len(SHAPES)} shapes, the last connection closed after {self.slowest:.1f} s", *self.misses)


def spoilt(call: Call):
    if call.dialect == "LinkVisual":
        return wire_bodies.of_forms(call.body)
    return itertools.chain(wire_bodies.of_fields(call.body), wire_bodies.of_wholes(call.body))


class Bodies:
    """Sends malformed bodies and records the results."""

    def __init__(self, server: Server, caller: Caller, chance: random.Random, is_short: bool):
        self.server, self.caller = server, caller
        self.lock = threading.Lock()
        self.counts: collections.Counter = collections.Counter()
        self.misses: dict[str, list[str]] = collections.defaultdict(list)
        self.slowest: dict[str, tuple[float, str]] = {}
        jobs: dict[str, list] = collections.defaultdict(list)
        for call in caller.calls():
            if is_short:
                # Unsent bodies need not be made: a sample per call.
                made = list(spoilt(call))
                jobs[call.dialect] += [(call, one) for one in chance.sample(made, 8)]
            else:
                jobs[call.dialect].append((call, None))
        jobs["UserSig"] = [(None, one) for one in wire_bodies.user_sigs(caller.im_key, chance)]
        if is_short:
            jobs = {name: chance.sample(some, min(len(some), SHORT[name])) for name, some in jobs.items()}
        self.jobs = iter([job for some in jobs.values() for job in some])

    def work(self) -> None:
        while self.server.process.poll() is None:
            with self.lock:
                job = next(self.jobs, None)
            if job is None:
                return
            call, one = job
            if call is None:
                self.usersig(*one)
            elif one is not None:
                self.one(call, one)
            else:
                for one in spoilt(call):
                    self.one(call, one)

    def one(self, call: Call, one: wire_bodies.Spoilt) -> None:
        begun = time.monotonic()
        answer = call.send(one.body, **one.headers)
        self.note(call.dialect, f"{call.name}, {one.name}", time.monotonic() - begun, call.judge(answer))

    def usersig(self, name: str, text: str) -> None:
        begun = time.monotonic()
        target = signers.tencent_im(self.caller.im_key, "sns/friend_get", usersig=text)
        answer = self.server.call("POST", target, b'{"From_Account":"a","StartIndex":0}')
        # A number may be sent as text: only that variant is accepted.
        told = f"{answer.status} {answer.body[:200]!r}"
        fits = answer.status in (200, 414, 431) and b'"FAIL"' in answer.body and re.search(rb'"ErrorCode":(700\d\d|60004)', answer.body)
        # The connection is closed over a head that is too long, which can overtake the answer.
        fits = fits or answer.status in ((0, 414, 431) if len(target) > MAX_HEAD else (414, 431))
        self.note("UserSig", name, time.monotonic() - begun, None if fits else told)

    def note(self, dialect: str, name: str, seconds: float, told: str | None) -> None:
        with self.lock:
            self.counts[dialect] += 1
            self.slowest[dialect] = max(self.slowest.get(dialect, (0.0, "")), (seconds, name))
            if told:
                self.misses[dialect].append(f"{name}: {told}")

    def run(self, report: Report) -> None:
        begun = time.monotonic()
        threads = [threading.Thread(target=self.work) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for dialect, count in self.counts.items():
            more = len(self.misses[dialect]) - MOST_MISSES_SHOWN
            shown = self.misses[dialect][:MOST_MISSES_SHOWN] + ([f"and {more} more"] if more > 0 else [])
            seconds, name = self.slowest[dialect]
            report.row(f"{dialect}: bodies", f"{count:,}, the slowest {seconds:.2f} s ({name[:60]})", *shown)
        report.row("all bodies", f"{self.counts.total():,} in {time.monotonic() - begun:.0f} s")


def run(binary: str, is_short: bool) -> Report:
    chosen = seed()
    report = Report(f"hostile requests (AICP_TORTURE_SEED={chosen})")
    with folder() as name, Pictures() as served, Server(binary, pathlib.Path(name) / "data", **SETTINGS) as server:
        caller = Caller(server, served)
        shapes = Shapes(server, caller.token)
        Bodies(server, caller, random.Random(chosen), is_short).run(report)
        shapes.report(report)
        code = server.process.poll()
        if code is None and server.call("GET", "/readyz").status == 200:
            memory = server.memory_mib()
            panics = [line for line in server.log if "panicked" in line][:MOST_MISSES_SHOWN]
            over = [f"more than {MOST_MEMORY_MIB} MiB"] if memory > MOST_MEMORY_MIB else []
            report.row("memory, panics", f"{memory} MiB at most, {len(panics)} panics", *over, *panics)
        else:
            report.row("memory, panics", "unknown", f"the server ended with {code} or is not ready; {server.log[-3:]}")
    return report
