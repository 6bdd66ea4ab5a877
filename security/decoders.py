"""Send pictures that need excessive work, and damaged pictures.

The bombs are sent without credentials (the manual's 3.6), one at a time, as each is timed; some also go to the login by
face. Bombs refused immediately are sent again with credentials, which allow more pixels, and so is the largest allowed
healthy picture of each format. The damaged pictures are sent with a token (7.10), by several clients on persistent
connections.

A miss is: an answer not in the call's own format, or none; a server that ended; more memory than 2 GiB; a bomb that
takes more than 2 seconds and 3 times as long as a healthy picture of its format and size, or 3 seconds if that takes
less than 2 (in the long round, three times in a row).
"""

import base64
import collections
import http.client
import json
import pathlib
import tempfile
import threading
import time

from bombs import SIDE_KNOWN, Bomb
from bombs_more import BOMBS
from damaged import Base, bases, damaged
from harness import Report, Server, folder, seed

MOST_MEMORY_MIB = 2048
DAMAGED, DAMAGED_SHORT = 45_500, 600
CLIENTS, CLIENTS_SHORT = 6, 4
MOST_MISSES_SHOWN = 5
NO_PICTURE = "80018,extract feature decode pictrue! get feature failed"
NOT_RECOGNISED = "人脸识别未通过"
SETTINGS = {"AICP_CONSOLE__ATTEMPTS_PER_MINUTE": "1000000"}
# One in this number of bombs also goes to the login.
LOGIN_EVERY = 8
# The short round sends one in this number of the large bombs, and all others.
LARGE_EVERY = 10
# Maximum bytes of a picture that the short round sends to a second call; a debug build reads a megabyte in a tenth of a
# second.
MOST_BYTES_AGAIN = 200_000


def kept(name: str, data: bytes) -> str:
    """Saves a picture that was a miss, and returns its path."""
    place = pathlib.Path(tempfile.gettempdir()) / "aicp-torture-found"
    place.mkdir(exist_ok=True)
    path = place / "".join(c if c.isalnum() else "-" for c in name)[:100]
    path.write_bytes(data)
    return str(path)


def shown(misses: list[str]) -> list[str]:
    more = len(misses) - MOST_MISSES_SHOWN
    return misses[:MOST_MISSES_SHOWN] + ([f"and {more} more"] if more > 0 else [])


class Client:
    """A client with a persistent connection."""

    def __init__(self, server: Server, **headers: str):
        self.server, self.headers = server, {"Content-Type": "application/json"} | headers
        self.connection = http.client.HTTPConnection(server.address, timeout=90)

    def send(self, path: str, image: bytes) -> tuple[int, bytes, float]:
        """Returns status (0 without an answer), body and seconds."""
        body = b'{"image":"' + base64.b64encode(image) + b'"}'
        begun = time.monotonic()
        try:
            self.connection.request("POST", path, body, self.headers)
            response = self.connection.getresponse()
            return response.status, response.read(), time.monotonic() - begun
        except (OSError, http.client.HTTPException) as error:
            self.connection.close()
            return 0, repr(error).encode(), time.monotonic() - begun


def wrong(path: str, status: int, body: bytes) -> str | None:
    """The error in an answer to a picture, if any, whatever the picture was."""
    told = f"{status} {body[:200].decode(errors='replace')}"
    try:
        answer = json.loads(body)
    except ValueError:
        return told
    if path == "/user/facelogin.json":
        fits = (
            status == 500
            and answer.get("message") == NOT_RECOGNISED
            and list(answer) == ["timestamp", "status", "error", "message", "path"]
        )
    elif status != 200 or list(answer) != (["flag", "message", "data"] if "quality" in path else ["flag", "resultCode", "message", "data"]):
        fits = False
    elif answer["flag"]:
        fits = isinstance(answer["data"].get("records", answer["data"].get("qualityScores")), list | str)
    else:
        fits = answer["message"] == NO_PICTURE and answer["data"] is None
    return None if fits else told


def limit(healthy: float) -> float:
    """Maximum seconds of a bomb, from those of a healthy picture."""
    least = 3 * healthy
    return max(2.0, least) if least < 2 else min(least, max(3.0, 1.5 * healthy))


class Bombs:
    """Sends the bombs and records the results."""

    def __init__(self, server: Server, token: str, is_short: bool):
        self.server, self.is_short = server, is_short
        self.unknown, self.known = Client(server), Client(server, token=token)
        self.healthy: dict[str, float] = {}
        self.largest: dict[str, float] = {}
        self.counts: collections.Counter = collections.Counter()
        self.slowest: dict[str, tuple[float, str]] = {}
        self.misses: dict[str, list[str]] = collections.defaultdict(list)

    def one(self, bomb: Bomb) -> None:
        data = bomb.make()
        seconds = self.send(bomb, self.unknown, "/aicp/face/quality", data)
        if bomb.is_healthy:
            self.healthy[bomb.format] = seconds
        elif not self.is_short:
            # A busy machine delays a picture once, a bomb is slow every time.
            for _ in range(2):
                if seconds <= limit(self.healthy[bomb.format]):
                    break
                again = next(one for one in BOMBS if one.format == bomb.format and one.is_healthy)
                self.healthy[bomb.format] = self.send(again, self.unknown, "/aicp/face/quality", again.make())
                seconds = min(seconds, self.send(bomb, self.unknown, "/aicp/face/quality", data))
            if seconds > limit(self.healthy[bomb.format]):
                told = f"{bomb.name}: {seconds:.1f} s, a healthy one {self.healthy[bomb.format]:.1f} s"
                self.misses[bomb.format].append(f"{told}; {kept(bomb.name, data)}")
            self.slowest[bomb.format] = max(self.slowest.get(bomb.format, (0.0, "")), (seconds, bomb.name))
        self.counts[bomb.format] += 1
        if BOMBS.index(bomb) % LOGIN_EVERY == 0 and not (self.is_short and len(data) > MOST_BYTES_AGAIN):
            self.send(bomb, self.unknown, "/user/facelogin.json", data)

    def send(self, bomb: Bomb, client: Client, path: str, data: bytes) -> float:
        status, body, seconds = client.send(path, data)
        told = wrong(path, status, body)
        if told:
            self.misses[bomb.format].append(f"{bomb.name}: {told}; {kept(bomb.name, data)}")
        return seconds

    def with_credentials(self, chosen: list[Bomb], times: dict[str, float]) -> None:
        """Sends with credentials the bombs refused immediately without, and the largest healthy pictures."""
        for bomb in chosen:
            if bomb.is_healthy and not self.is_short:
                self.largest[bomb.format] = self.send(bomb, self.known, "/aicp/face/detect", bomb.make(SIDE_KNOWN))
            elif times[bomb.format + bomb.name] < 0.1 and not bomb.is_healthy:
                data = bomb.make()
                if not self.is_short or len(data) <= MOST_BYTES_AGAIN:
                    self.send(bomb, self.known, "/aicp/face/detect", data)


def bombs(report: Report, server: Server, token: str, is_short: bool) -> None:
    one = Bombs(server, token, is_short)
    chosen = [bomb for at, bomb in enumerate(BOMBS) if not (is_short and bomb.is_large() and at % LARGE_EVERY)]
    times: dict[str, float] = {}
    begun = time.monotonic()
    for bomb in chosen:
        before = time.monotonic()
        one.one(bomb)
        times[bomb.format + bomb.name] = time.monotonic() - before
        if server.process.poll() is not None:
            one.misses[bomb.format].append(f"{bomb.name}: the server ended with {server.process.returncode}; {server.log[-3:]}")
            break
    else:
        one.with_credentials(chosen, times)
    taken = time.monotonic() - begun
    for form, count in one.counts.items():
        seconds, name = one.slowest.get(form, (0.0, ""))
        slow = "" if is_short or not seconds else f", the slowest {seconds:.2f} s ({name}), a healthy one {one.healthy[form]:.2f} s"
        report.row(f"{form}: bombs", f"{count}{slow}", *shown(one.misses[form]))
    if one.largest:
        report.row("healthy, 40 MP, with credentials", ", ".join(f"{form} {seconds:.1f} s" for form, seconds in one.largest.items()))
    report.row("all bombs", f"{len(times)} in {taken:.0f} s, memory {server.memory_mib() if server.process.poll() is None else 0} MiB")


def damage(report: Report, server: Server, token: str, count: int, clients: int, chosen: str) -> None:
    """Sends `count` damaged pictures."""
    whole = bases()
    begun = time.monotonic()
    numbers = iter(range(count))
    lock = threading.Lock()
    counts: collections.Counter = collections.Counter()
    found: collections.Counter = collections.Counter()
    slowest: dict[str, float] = collections.defaultdict(float)
    misses: dict[str, list[str]] = collections.defaultdict(list)

    def work() -> None:
        client = Client(server, token=token)
        while True:
            with lock:
                number = next(numbers, None)
            if number is None or server.process.poll() is not None:
                return
            base: Base = whole[number % len(whole)]
            data = damaged(base, whole, f"{chosen} {number}")
            status, body, seconds = client.send("/aicp/face/detect", data)
            told = wrong("/aicp/face/detect", status, body)
            with lock:
                counts[base.format] += 1
                found[base.format] += b'"records"' in body
                slowest[base.format] = max(slowest[base.format], seconds)
                if told:
                    misses[base.format].append(
                        f"{base.name} damaged with '{chosen} {number}': {told}; {kept(f'{base.name} {number}', data)}"
                    )

    threads = [threading.Thread(target=work) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken = time.monotonic() - begun
    for form, number in counts.items():
        counted = f"{number:,}, {found[form]:,} of them still pictures, the slowest {slowest[form]:.2f} s"
        report.row(f"{form}: damaged", counted, *shown(misses[form]))
    ended = server.process.poll()
    gone = [f"the server ended with {ended}; {server.log[-3:]}"] if ended is not None else []
    few = [f"only {sum(counts.values())} sent"] if sum(counts.values()) < count else []
    report.row("all damaged", f"{sum(counts.values()):,} in {taken:.0f} s by {clients} clients", *gone, *few)


def run(binary: str, is_short: bool) -> Report:
    chosen = seed()
    report = Report(f"hostile pictures (AICP_TORTURE_SEED={chosen})")
    with folder() as name, Server(binary, pathlib.Path(name) / "data", **SETTINGS) as server:
        token = server.grant("pictures")
        bombs(report, server, token, is_short)
        if server.process.poll() is None:
            damage(report, server, token, DAMAGED_SHORT if is_short else DAMAGED, CLIENTS_SHORT if is_short else CLIENTS, chosen)
        if server.process.poll() is None:
            memory = server.memory_mib()
            panics = [line for line in server.log if "panicked" in line][:MOST_MISSES_SHOWN]
            over = [f"more than {MOST_MEMORY_MIB} MiB"] if memory > MOST_MEMORY_MIB else []
            report.row("memory, panics", f"{memory} MiB at most, {len(panics)} panics", *over, *panics)
    return report
