#!/usr/bin/env python3
"""Make the fault of each alert on a live server, and see that Prometheus fires it then and not before.

Usage: deploy/prometheus/live.py AICP SIMULATOR PROMETHEUS [ALERT...], the paths of the three programs, and the alerts to try
if not all; needs root and unshare.

All listen on loopback. The rules are those of alerts.yml with its durations, ranges and two thresholds shortened: see
SHORTER. Each fault is made in turn; its alert must fire within FIRE_SECONDS, and be over within OVER_SECONDS after the
fault was mended. Prometheus itself then tells when each alert fired for the first time: not before its fault. Ends with
1 if an alert did otherwise. Runs itself again in a mount namespace of its own, so that its small disk does not stay.
"""

import contextlib
import http.client
import json
import os
import pathlib
import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(ROOT / "security"), str(ROOT / "conformance")]

from harness import Server  # noqa: E402
from journey import grey_jpeg, picture, text  # noqa: E402

# What the derived rules have instead: (in alerts.yml, here, how often it must be there at least).
SHORTER = (
    (r"for: \d+m", "for: 2s", 7),
    (r"\[5m\]", "[6s]", 4),
    (r"aicp_disk_free_bytes < 5e9", "aicp_disk_free_bytes < 32e6", 1),
    (r"aicp_outbox_age_seconds > 900", "aicp_outbox_age_seconds > 3", 1),
)
FIRE_SECONDS, OVER_SECONDS, SOUND_SECONDS = 40, 30, 6
DISK_MIB = 200
# Connections that are opened until files are scarce.
CONNECTIONS = 300
# Pictures that wait at most; more are refused. A picture that waits for long needs a long queue.
QUEUE = 200
# The call log holds this many records in memory.
CALL_LOG_RECORDS = 1 << 16
LIBRARY = "alerts"


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def derived() -> str:
    """The rules with the replacements of SHORTER."""
    rules = (HERE / "alerts.yml").read_text()
    for pattern, instead, at_least in SHORTER:
        rules, count = re.subn(pattern, instead, rules)
        if count < at_least:
            raise SystemExit(f"error: alerts.yml has {count} times {pattern!r}, not {at_least} or more")
    return rules


class Prometheus:
    """A Prometheus that asks one target each second."""

    def __init__(self, program: str, folder: pathlib.Path, target: str):
        (folder / "alerts.yml").write_text(derived())
        config = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": ["alerts.yml"],
            "scrape_configs": [{"job_name": "aicp", "static_configs": [{"targets": [target]}]}],
        }
        # JSON is YAML.
        (folder / "prometheus.yml").write_text(json.dumps(config))
        self.base = f"http://127.0.0.1:{free_port()}/api/v1"
        self.process = subprocess.Popen(
            [program, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/metrics"]
            + [f"--web.listen-address={urllib.parse.urlsplit(self.base).netloc}", "--log.level=error"],
            stdin=subprocess.DEVNULL,
        )

    def ask(self, call: str, **query: str):
        with urllib.request.urlopen(f"{self.base}/{call}?{urllib.parse.urlencode(query)}", timeout=10) as response:
            return json.load(response)["data"]

    def wait(self) -> None:
        """Waits until the target was asked successfully."""
        limit = time.monotonic() + FIRE_SECONDS
        while time.monotonic() < limit:
            with contextlib.suppress(OSError):
                if self.number("up") == 1:
                    return
            time.sleep(0.1)
        raise SystemExit("error: Prometheus does not reach the server")

    def number(self, query: str) -> float | None:
        found = self.ask("query", query=query)["result"]
        return float(found[0]["value"][1]) if found else None

    def firing(self) -> set[str]:
        return {one["labels"]["alertname"] for one in self.ask("alerts")["alerts"] if one["state"] == "firing"}

    def names(self) -> list[str]:
        return [rule["name"] for group in self.ask("rules")["groups"] for rule in group["rules"]]

    def first(self, since: float) -> dict[str, float]:
        """When each alert fired for the first time."""
        query = {"query": 'ALERTS{alertstate="firing"}', "start": str(since), "end": str(time.time()), "step": "1"}
        series = self.ask("query_range", **query)["result"]
        first: dict[str, float] = {}
        for one in series:
            name = one["metric"]["alertname"]
            first[name] = min(first.get(name, time.time()), float(one["values"][0][0]))
        return first

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=20)


class Callers:
    """Threads that recognise one picture again and again, until they are stopped."""

    def __init__(self, server: Server, token: str, count: int):
        self.stopping = threading.Event()
        body = json.dumps({"groupId": LIBRARY, "image": text(picture("people/obama/obama.jpg"))}).encode()
        headers = {"Content-Type": "application/json", "token": token}

        def call() -> None:
            connection = http.client.HTTPConnection(server.address, timeout=60)
            while not self.stopping.is_set():
                with contextlib.suppress(OSError, http.client.HTTPException):
                    connection.request("POST", "/aicp/face/recognition", body, headers)
                    connection.getresponse().read()
                    continue
                connection.close()
            connection.close()

        self.threads = [threading.Thread(target=call) for _ in range(count)]

    def __enter__(self) -> "Callers":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.stopping.set()
        for thread in self.threads:
            thread.join()


class World:
    """A server on a disk of its own, an engine, and Prometheus."""

    def __init__(self, binary: str, simulator: str, prometheus: str, folder: pathlib.Path):
        self.folder, self.simulator = folder, simulator
        self.disk = folder / "disk"
        self.disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m,mode=700", "tmpfs", self.disk], check=True)
        self.engine_port = free_port()
        self.engine = self.start_engine()
        self.server = Server(
            binary,
            self.disk / "data",
            # With this signal ignored, a write beyond the limit of a file's size fails instead of ending the process.
            wrapper=("sh", "-c", """trap '' XFSZ; exec "$@\"""", "sh"),
            AICP_CONFIG=str(ROOT / "demo" / "koala.toml"),
            AICP_ENGINES__KOALA__URL=f"http://127.0.0.1:{self.engine_port}/",
            AICP_OUTBOX__AUTO_REPLAY="true",
            AICP_OUTBOX__INTERVAL_S="1",
            AICP_VISION__WORKERS="1",
            AICP_VISION__QUEUE=str(QUEUE),
            AICP_VISION__WAIT_SECONDS="60",
        ).start()
        self.prometheus = Prometheus(prometheus, folder, self.server.address)
        self.token = self.server.grant("alerts")
        self.call("addBase", groupId=LIBRARY, dbName=LIBRARY, dbDesc="")
        self.call("addBase", groupId="remote", dbName="remote", dbDesc="", engine="koala")
        self.call("add", groupId=LIBRARY, name="one", image=text(picture("people/biden/biden.jpg")))

    def start_engine(self) -> subprocess.Popen:
        words = [self.simulator, "--speak", "koala", "--listen", f"127.0.0.1:{self.engine_port}"]
        words += ["--data-dir", str(self.folder / "engine"), "--models-dir", str(ROOT / "models"), "--workers", "1"]
        return subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def call(self, operation: str, **body: str) -> None:
        answer = self.server.post(f"/aicp/face/{operation}", body, token=self.token).json()
        if not answer["flag"]:
            raise SystemExit(f"error: {operation}: {answer['message']}")

    def back_up(self) -> None:
        command = [self.server.binary, "backup", str(self.folder / "backup"), "--data-dir", str(self.server.folder)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    def recognise(self) -> float:
        """Recognises a picture; returns the seconds that it took."""
        begun = time.monotonic()
        self.call("recognition", groupId=LIBRARY, image=text(picture("people/obama/obama.jpg")))
        return time.monotonic() - begun

    def close(self) -> None:
        self.prometheus.stop()
        for process in (self.server.process, self.engine):
            if process.poll() is None:
                process.kill()
                process.wait()
        subprocess.run(["umount", self.disk], check=True)


# The faults. Each is a context: the fault is made at its start and mended at its end.


@contextlib.contextmanager
def not_ready(world: World):
    """The database is moved away."""
    database = world.disk / "data" / "aicp.db"
    database.rename(world.disk / "moved.db")
    yield
    (world.disk / "moved.db").rename(database)


@contextlib.contextmanager
def disk_nearly_full(world: World):
    """The disk is filled to 20 MB, which is more than what the server needs to be ready."""
    ballast = world.disk / "ballast"
    free = os.statvfs(world.disk)
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, free.f_bavail * free.f_frsize - 20_000_000)
    yield
    ballast.unlink()


@contextlib.contextmanager
def backup_old(world: World):
    """The folder was backed up, by its own note two days ago. It is mended by a backup."""
    world.back_up()
    two_days_ago = time.gmtime(time.time() - 2 * 24 * 3600)
    (world.disk / "data" / "last-backup").write_text(time.strftime("%Y-%m-%dT%H:%M:%SZ", two_days_ago))
    yield
    world.back_up()


@contextlib.contextmanager
def engine_down(world: World):
    world.engine.kill()
    world.engine.wait()
    yield
    world.engine = world.start_engine()


@contextlib.contextmanager
def outbox_old(world: World):
    """A write waits for the engine, which is down."""
    with engine_down(world):
        world.call("add", groupId="remote", name="two", image=text(picture("people/obama/obama2.jpg")))
        yield


@contextlib.contextmanager
def files_scarce(world: World):
    """Connections that say nothing, and a limit of files of which they are nine tenths."""
    process, host_and_port = world.server.process.pid, world.server.address.split(":")
    limits = resource.prlimit(process, resource.RLIMIT_NOFILE)
    with contextlib.ExitStack() as open_ones:
        for _ in range(CONNECTIONS):
            open_ones.enter_context(socket.create_connection(tuple(host_and_port), timeout=10))
        until(lambda: files(process) > CONNECTIONS, FIRE_SECONDS)
        resource.prlimit(process, resource.RLIMIT_NOFILE, (files(process) * 10 // 9, limits[1]))
        yield
    resource.prlimit(process, resource.RLIMIT_NOFILE, limits)


def files(process: int) -> int:
    return len(os.listdir(f"/proc/{process}/fd"))


@contextlib.contextmanager
def pictures_wait(world: World):
    """So many callers that each picture waits for some four seconds, and none is refused."""
    with Callers(world.server, world.token, min(QUEUE - 10, int(4 / world.recognise()) + 2)):
        yield


@contextlib.contextmanager
def pictures_refused(world: World):
    """More callers than the queue holds."""
    with Callers(world.server, world.token, QUEUE + 60):
        yield


@contextlib.contextmanager
def writes_fail(world: World):
    """The files of the server may not grow beyond a page, so that the database's log can't be written."""
    process = world.server.process.pid
    limits = resource.prlimit(process, resource.RLIMIT_FSIZE)
    resource.prlimit(process, resource.RLIMIT_FSIZE, (4096, limits[1]))
    world.recognise()
    yield
    resource.prlimit(process, resource.RLIMIT_FSIZE, limits)


@contextlib.contextmanager
def calls_not_logged(world: World):
    """The same, and more calls than the buffer of the call log holds."""
    with writes_fail(world):
        flood(world, CALL_LOG_RECORDS + 4000)
        yield


def flood(world: World, calls: int) -> None:
    """Makes many cheap calls that are logged, over a few connections, without waiting for each answer."""
    head = f"POST /face-api/v3/face/detect HTTP/1.1\r\nHost: x\r\ntoken: {world.token}\r\nContent-Type: application/json\r\n"
    one = (head + "Content-Length: 2\r\n\r\n{}").encode()
    lanes, at_once = 4, 50

    def lane() -> None:
        with socket.create_connection(tuple(world.server.address.split(":")), timeout=60) as connection:
            answers = connection.makefile("rb")
            for _ in range(calls // lanes // at_once + 1):
                connection.sendall(one * at_once)
                for _ in range(at_once):
                    length = 0
                    while (line := answers.readline()) not in (b"\r\n", b""):
                        if line.lower().startswith(b"content-length:"):
                            length = int(line.split(b":")[1])
                    answers.read(length)

    threads = [threading.Thread(target=lane) for _ in range(lanes)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@contextlib.contextmanager
def down(world: World):
    """The server is killed. It stays down: the last fault."""
    world.server.kill()
    yield


# The alert of each fault, and those that may fire with it: the fault is theirs, too, or they were made by an earlier one.
FAULTS = (
    ("AicpNotReady", not_ready, ()),
    ("AicpDiskNearlyFull", disk_nearly_full, ()),
    ("AicpBackupOld", backup_old, ()),
    ("AicpEngineDown", engine_down, ()),
    ("AicpOutboxOld", outbox_old, ("AicpEngineDown",)),
    ("AicpFilesScarce", files_scarce, ()),
    ("AicpPicturesWait", pictures_wait, ()),
    ("AicpPicturesRefused", pictures_refused, ("AicpPicturesWait",)),
    ("AicpWritesFail", writes_fail, ("AicpNotReady",)),
    ("AicpCallsNotLogged", calls_not_logged, ("AicpWritesFail", "AicpNotReady")),
    ("AicpDown", down, ()),
)


def until(is_so, seconds: float) -> float | None:
    """Waits until a condition holds; returns how long that took, or None after `seconds`."""
    begun = time.monotonic()
    while time.monotonic() - begun < seconds:
        if is_so():
            return time.monotonic() - begun
        time.sleep(0.2)
    return None


def run(world: World, chosen: list[tuple]) -> list[str]:
    """Makes each fault. Returns what was not as it should be."""
    misses: list[str] = []
    prometheus = world.prometheus
    prometheus.wait()
    since = time.time()
    named = set(prometheus.names())
    if named != {name for name, _, _ in FAULTS}:
        misses.append(f"alerts without a fault here, or the other way round: {named ^ {name for name, _, _ in FAULTS}}")
    until(lambda: world.recognise() and prometheus.firing(), SOUND_SECONDS)
    if fired := prometheus.firing():
        misses.append(f"a sound server: {', '.join(fired)}")
    made: dict[str, float] = {}
    print(f"{'alert':22}{'fires after':>12}{'over after':>12}   (seconds)", flush=True)
    for name, fault, companions in chosen:
        seen: set[str] = set()

        def fires() -> bool:
            seen.update(prometheus.firing())
            return name in seen

        made[name] = time.time()
        begun = time.monotonic()
        with fault(world):
            fired = until(fires, FIRE_SECONDS) and time.monotonic() - begun
        over = 0.0 if fault is down else until(lambda: not prometheus.firing(), OVER_SECONDS)
        print(f"{name:22}" + "".join(f"{'never' if took is None else round(took, 1):>12}" for took in (fired, over)), flush=True)
        if fired is None:
            misses.append(f"{name} does not fire")
        if over is None:
            misses.append(f"{name}: after it was mended, still {', '.join(prometheus.firing())}")
        if strangers := seen - {name, *companions}:
            misses.append(f"{name}: with it fires {', '.join(sorted(strangers))}")
    # A companion may be the first of its kind only if its own fault was made before, or is part of this one.
    allowed = dict(made)
    for name, _, companions in chosen:
        for companion in companions:
            allowed[companion] = min(allowed.get(companion, made[name]), made[name])
    for name, first in prometheus.first(since).items():
        if first < allowed.get(name, time.time()) - 1:
            misses.append(f"{name} fired before its fault")
    return misses


def inside(binary: str, simulator: str, prometheus: str, *names: str) -> int:
    chosen = [fault for fault in FAULTS if not names or fault[0] in names]
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="aicp-alerts-") as folder:
        world = World(binary, simulator, prometheus, pathlib.Path(folder))
        try:
            misses = run(world, chosen)
        finally:
            world.close()
    for miss in misses:
        print(f"MISS {miss}")
    print(f"{len(chosen)} alerts, {len(misses)} misses, {time.monotonic() - begun:.0f} s")
    return 1 if misses else 0


def main() -> int:
    programs, names = [str(pathlib.Path(word).resolve()) for word in sys.argv[1:4]], sys.argv[4:]
    if len(programs) != 3:
        raise SystemExit(__doc__)
    if os.environ.get("AICP_ALERTS_INSIDE"):
        return inside(*programs, *names)
    if os.geteuid() != 0:
        print("alerts: not tried on a live server, which needs root")
        return 0
    words = ["unshare", "--mount", "--propagation", "private", sys.executable, __file__, *programs, *names]
    return subprocess.run(words, env=os.environ | {"AICP_ALERTS_INSIDE": "1"}, check=False).returncode


if __name__ == "__main__":
    # Ended from outside, it still ends what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.exit(main())
