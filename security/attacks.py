"""Attacks without credentials, and their effect on a client with credentials.

Each attack lasts 15 seconds (3 in the short round) and comes from the known client's own address, as behind a shared
proxy. Meanwhile that client recognises a face repeatedly, and a probe calls /healthz. A miss is a refused call of the
known client, or more memory than docs/security.md says; in the long round also more than 3 seconds for one call in a
hundred, or more than 1 second for /healthz.
"""

import http.client
import json
import pathlib
import resource
import socket
import statistics
import threading
import time
from typing import NamedTuple

from harness import Report, Server, folder
from journey import grey_jpeg, picture, text

SLOWEST = 3.0
SLOWEST_PROBE = 1.0
MOST_MEMORY_MIB = 2048
SECONDS, SECONDS_SHORT = 15.0, 3.0
LIBRARIES, LIBRARIES_SHORT = 3000, 300
# Minimum limit of open files: the attacker's connections and a reserve.
FILES = 5000


def bomb(side: int, scans: int) -> bytes:
    """A progressive JPEG of many nearly empty scans."""

    def segment(marker: int, data: bytes) -> bytes:
        return bytes([0xFF, marker]) + (len(data) + 2).to_bytes(2, "big") + data

    size = side.to_bytes(2, "big")
    one_code = bytes([1] + [0] * 15 + [0])
    components = b"".join(bytes([number, 0x11, 0]) for number in (1, 2, 3))
    first = segment(0xDA, b"\x03\x01\x00\x02\x00\x03\x00\x00\x00\x00") + b"\x00"
    further = b"".join(segment(0xDA, bytes([1, 1 + n % 3, 0, 1, 63, 0])) + b"\x00" for n in range(scans))
    return b"".join(
        [
            b"\xff\xd8",
            segment(0xDB, b"\0" + b"\1" * 64),
            segment(0xC2, b"\x08" + size + size + b"\x03" + components),
            segment(0xC4, b"\x00" + one_code + b"\x10" + one_code),
            first,
            further,
            b"\xff\xd9",
        ]
    )


class Call(NamedTuple):
    """Duration and status of one call of the known client."""

    seconds: float
    status: int


class Watcher:
    """The known client and the health probe; they run until stopped."""

    def __init__(self, address: str, token: str):
        self.address = address
        self.token = token
        self.calls: list[Call] = []
        self.probes: list[float] = []
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=job) for job in (self.recognise, self.probe)]

    def timed(self, method: str, path: str, body: bytes | None, headers: dict) -> Call:
        begun = time.monotonic()
        connection = http.client.HTTPConnection(self.address, timeout=60)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            response.read()
            return Call(time.monotonic() - begun, response.status)
        except OSError:
            return Call(time.monotonic() - begun, 0)
        finally:
            connection.close()

    def recognise(self) -> None:
        body = json.dumps({"groupId": "known", "image": text(picture("people/obama/obama2.jpg"))}).encode()
        headers = {"Content-Type": "application/json", "token": self.token}
        while not self.stop.is_set():
            self.calls.append(self.timed("POST", "/aicp/face/recognition", body, headers))
            self.stop.wait(0.05)

    def probe(self) -> None:
        while not self.stop.is_set():
            self.probes.append(self.timed("GET", "/healthz", None, {}).seconds)
            self.stop.wait(0.1)

    def __enter__(self) -> "Watcher":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join()


def post(address: str, path: str, body: bytes, **headers: str) -> int:
    connection = http.client.HTTPConnection(address, timeout=120)
    try:
        connection.request("POST", path, body, {"Content-Type": "application/json", **headers})
        response = connection.getresponse()
        response.read()
        return response.status
    except OSError:
        return 0
    finally:
        connection.close()


def many(count: int, job, until: float) -> None:
    """Repeats a job in `count` threads."""

    def work() -> None:
        while time.monotonic() < until:
            job()

    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def pictures(image: bytes):
    """Logins with a picture that is expensive to process."""
    body = json.dumps({"image": text(image)}).encode()
    return lambda address, until: many(12, lambda: post(address, "/user/facelogin.json", body), until)


def held_open(count: int, sent: str):
    """Holds `count` connections on which only `sent` was sent; closed ones are reopened."""

    def attack(address: str, until: float) -> None:
        host, port = address.split(":")
        data = sent.format(address=address).encode()
        held: list[socket.socket] = []

        def begin() -> None:
            try:
                one = socket.create_connection((host, int(port)), timeout=5)
                one.sendall(data)
                one.setblocking(False)
                held.append(one)
            except OSError:
                pass

        def has_ended(one: socket.socket) -> bool:
            try:
                return one.recv(1) == b""
            except BlockingIOError:
                return False
            except OSError:
                return True

        while time.monotonic() < until:
            for _ in range(min(100, count - len(held))):
                begin()
            ended = [one for one in held if has_ended(one)]
            for one in ended:
                one.close()
                held.remove(one)
            time.sleep(0.01)
        for one in held:
            one.close()

    return attack


def crowd(token: str):
    """Recognises everyone on a group photo in all libraries of an app with thousands of them."""
    body = json.dumps({"image": text(picture("groups/sample5.jpg"))}).encode()
    return lambda address, until: many(3, lambda: post(address, "/aicp/face/recognitionmn", body, token=token), until)


def fill(server: Server, token: str, libraries: int) -> None:
    """Creates this number of libraries with one face each, copied from the first."""

    def ask(path: str, body: dict) -> None:
        answer = server.post(f"/face-api/v3/{path}", body, token=token).json()
        if answer["error_code"] != 0:
            raise SystemExit(f"error: {path}: {answer}")

    face = {"image": text(picture("people/biden/biden.jpg")), "image_type": "BASE64", "group_id": "g0", "user_id": "u"}
    ask("group/add", {"group_id": "g0"})
    ask("face/add", face)
    for number in range(1, libraries):
        ask("group/add", {"group_id": f"g{number}"})
        ask("user/copy", {"user_id": "u", "src_group_id": "g0", "dst_group_id": f"g{number}"})


def run(binary: str, is_short: bool) -> Report:
    report = Report("attacks without credentials")
    seconds, libraries = (SECONDS_SHORT, LIBRARIES_SHORT) if is_short else (SECONDS, LIBRARIES)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, hard if 0 <= hard < FILES else FILES), hard))
    settings = {
        # The login throttle must not end the attack.
        "AICP_CONSOLE__ATTEMPTS_PER_MINUTE": "1000000",
        "AICP_CONSOLE__REGISTRATION": "off",
        "AICP_VISION__RUNTIME": "onnxruntime" if is_short else "auto",
    }
    with folder() as data, Server(binary, pathlib.Path(data) / "data", **settings) as server:
        token, other = server.grant("known"), server.grant("other")
        for api, body in (
            ("addBase", {"groupId": "known", "dbName": "known"}),
            ("add", {"groupId": "known", "image": text(picture("people/obama/obama.jpg"))}),
        ):
            if not server.post(f"/aicp/face/{api}", body, token=token).json()["flag"]:
                raise SystemExit(f"error: {api}")
        fill(server, other, libraries)
        one_byte = "POST /user/login HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: 9000\r\n\r\n{{"
        attacks = {
            "(none)": lambda _, until: time.sleep(max(0.0, until - time.monotonic())),
            "bomb of 100 scans, 1 KB": pictures(bomb(6296, 3)),
            "bomb of 10,000 scans": pictures(bomb(6296, 10_000)),
            "24 megapixels of grey": pictures(grey_jpeg(4896)),
            "2,048 bodies of one byte": held_open(2048, one_byte),
            "4,200 half heads": held_open(4200, "GET /healthz HTTP/1.1\r\nHo"),
            f"M:N in {libraries:,} libraries": crowd(other),
        }
        for name, attack in attacks.items():
            with Watcher(server.address, token) as watcher:
                attack(server.address, time.monotonic() + seconds)
            report.row(name, *judged(watcher, server.memory_mib(), is_short))
    return report


def judged(watcher: Watcher, memory: int, is_short: bool) -> list[str]:
    """Returns the counts of an attack as text, followed by the misses."""
    times = sorted(call.seconds for call in watcher.calls)
    statuses = sorted({call.status for call in watcher.calls} - {200})
    refused = sum(call.status != 200 for call in watcher.calls)
    p99, slowest = times[int(len(times) * 0.99)], max(watcher.probes)
    counted = (
        f"{len(times):5} calls, {refused} refused, p50 {statistics.median(times):.2f} s, p99 {p99:.2f} s, "
        f"/healthz {slowest:.2f} s at most, {memory} MiB"
    )
    misses = {
        # Status 0: the connection was closed without an answer.
        f"the known client was refused: status {statuses}": refused > 0,
        f"more than {MOST_MEMORY_MIB} MiB": memory > MOST_MEMORY_MIB,
        f"p99 over {SLOWEST} s": not is_short and p99 > SLOWEST,
        f"/healthz over {SLOWEST_PROBE} s": not is_short and slowest > SLOWEST_PROBE,
    }
    return [counted, *(miss for miss, is_so in misses.items() if is_so)]
