#!/usr/bin/env python3
"""Load a server for long at four fifths of its capacity, and tell whether its memory and its open files stay flat.

Usage: bench/soak.py [--minutes 20] [--share 0.8] [--aicp FILE] [--aicp-bench FILE] [--out FILE]

Starts the server on loopback with a data folder of its own. First measures the log: bytes and lines per call at several
levels, and the capacity, with as many callers as keep the workers busy. Then calls come at 0.8 of the capacity, at fixed
times, whether earlier ones were answered or not; the time of an answer counts from when its call was due. Each five
seconds the metrics are read. After the warm-up, a line is fitted to memory and to open files: see `trend`. Prints the
figures, writes all of it as JSON, and ends with 1 if one of the two grows, a call fails, or the load could not be held.

A kind of call is chosen by its weight in MIX. What is enrolled is removed again, so that the library keeps its size.
"""

import argparse
import collections
import http.client
import json
import math
import os
import pathlib
import random
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from typing import NamedTuple

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "security"), str(ROOT / "conformance")]

from harness import Server  # noqa: E402
from journey import text  # noqa: E402

LIBRARY = "soak"
SHARE_OF_CAPACITY = 0.8
READ_SECONDS = 5
CALIBRATION_SECONDS = 20
# The part of the run that is not judged: caches, pools and the allocator's arenas fill up.
WARM_UP = 0.25
# Threads that make calls. A call that is due waits if all are busy, and its time counts.
CALLERS = 32
LOG_CALLS = 100
# The default level, and the one with a line per call.
LEVELS = ("info", "info,aicp_requests=debug")
# What counts as growth: more than this over the judged time, and more than chance explains.
MEMORY_SHARE, FILES = 0.02, 3
# The part of the calls due that must have been answered in time, else other programs took the processors.
HELD = 0.97
# Calls that are still due so long after the end are given up.
MAX_LATE_SECONDS = 10

# (operation, weight).
MIX = (("recognition", 70), ("couple", 8), ("detect", 6), ("quality", 4), ("query", 6), ("add", 6))


class Library(NamedTuple):
    """The library of the calls: token of its app, ids of its people, and their pictures in base64."""

    token: str
    people: list[str]
    album: list[str]


class Caller:
    """A connection of one thread, which makes calls of the mix."""

    def __init__(self, server: Server, library: Library, seed: int):
        self.library = library
        self.random = random.Random(seed)
        self.connection = http.client.HTTPConnection(server.address, timeout=60)
        self.number, self.name = 0, f"caller{seed}"

    def post(self, operation: str, body: dict) -> dict:
        headers = {"Content-Type": "application/json", "token": self.library.token}
        self.connection.request("POST", f"/aicp/face/{operation}", json.dumps(body), headers)
        answer = json.loads(self.connection.getresponse().read())
        if not answer["flag"]:
            raise ValueError(f"{operation}: {answer['message']}")
        return answer

    def one(self, operation: str) -> None:
        picture = self.random.choice(self.library.album)
        if operation == "couple":
            self.post(operation, {"imageA": picture, "imageB": self.random.choice(self.library.album)})
        elif operation == "query":
            self.post(operation, {"groupId": LIBRARY, "userId": self.random.choice(self.library.people)})
        elif operation in ("detect", "quality"):
            self.post(operation, {"image": picture})
        elif operation == "add":
            self.number += 1
            data = self.post("add", {"groupId": LIBRARY, "name": f"{self.name}-{self.number}", "image": picture})["data"]
            self.post("remove", {"groupId": LIBRARY, "userId": data["personNo"]})
        else:
            self.post(operation, {"groupId": LIBRARY, "image": picture})

    def pick(self) -> str:
        return self.random.choices([name for name, _ in MIX], [weight for _, weight in MIX])[0]


class Answers:
    """Times of answers by operation, since they were last taken, and failures."""

    def __init__(self):
        self.lock = threading.Lock()
        self.times: dict[str, list[float]] = collections.defaultdict(list)
        self.failures: list[str] = []

    def note(self, operation: str, seconds: float, failure: str | None) -> None:
        with self.lock:
            if failure is None:
                self.times[operation].append(seconds)
            else:
                self.failures.append(failure)

    def take(self) -> dict[str, list[float]]:
        with self.lock:
            taken, self.times = self.times, collections.defaultdict(list)
        return taken


def call(caller: Caller, answers: Answers, due: float) -> None:
    operation = caller.pick()
    failure = None
    try:
        caller.one(operation)
    except (OSError, ValueError, http.client.HTTPException) as error:
        failure = f"{operation}: {error!r}"
        caller.connection.close()
    answers.note(operation, time.monotonic() - due, failure)


def run_threads(server: Server, library: Library, count: int, work) -> None:
    threads = [threading.Thread(target=work, args=(Caller(server, library, seed),)) for seed in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def capacity(server: Server, library: Library, seconds: float) -> float:
    """Calls per second if each caller calls again at once."""
    answers, end = Answers(), time.monotonic() + seconds

    def work(caller: Caller) -> None:
        while time.monotonic() < end:
            call(caller, answers, time.monotonic())

    begun = time.monotonic()
    run_threads(server, library, 3 * (os.cpu_count() or 1), work)
    if answers.failures:
        raise SystemExit(f"error: {answers.failures[0]}")
    return sum(map(len, answers.take().values())) / (time.monotonic() - begun)


def read_metrics(server: Server) -> dict[str, float]:
    """The metrics of the process that have no labels."""
    body = server.call("GET", "/metrics").body.decode()
    return {name: float(value) for name, value in re.findall(r"(?m)^(aicp_\w+) (\S+)$", body)}


def percentiles(times: list[float]) -> dict[str, float]:
    ordered = sorted(times)
    at = lambda share: round(1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))], 2)  # noqa: E731
    return {"calls": len(ordered), "p50_ms": at(0.5), "p95_ms": at(0.95), "p99_ms": at(0.99), "max_ms": at(1)}


def trend(rows: list[dict], name: str) -> dict[str, float]:
    """Slope of a least-squares line per hour, and its standard error.

    Neighbouring readings resemble each other, so the error is that of fewer independent ones: the residuals as a
    first-order autoregression."""
    hours = [row["second"] / 3600 for row in rows]
    values = [row[name] for row in rows]
    middle, mean = statistics.fmean(hours), statistics.fmean(values)
    spread = sum((hour - middle) ** 2 for hour in hours)
    slope = sum((hour - middle) * (value - mean) for hour, value in zip(hours, values)) / spread
    left = [value - mean - slope * (hour - middle) for hour, value in zip(hours, values)]
    power = sum(one * one for one in left)
    likeness = sum(a * b for a, b in zip(left, left[1:])) / power if power else 0.0
    likeness = min(max(likeness, 0.0), 0.95)
    error = math.sqrt(power / (len(rows) - 2) / spread * (1 + likeness) / (1 - likeness))
    over = slope * (hours[-1] - hours[0])
    return {"mean": mean, "per_hour": slope, "standard_error": error, "over": over, "likeness": likeness}


def verdict(trend: dict[str, float], allowed: float, hours: float) -> str:
    """`grows`: more than is allowed and than two standard errors explain. `flat`: less than is allowed even with two
    standard errors more. Else the run was too short to tell."""
    if trend["over"] > allowed and trend["per_hour"] > 2 * trend["standard_error"]:
        return "grows"
    return "flat" if (trend["per_hour"] + 2 * trend["standard_error"]) * hours <= allowed else "unclear"


def soak(server: Server, library: Library, rate: float, seconds: float) -> tuple[list[dict], dict, list[str]]:
    """Makes `rate` calls a second. Returns the readings, the percentiles of the judged time, and failures."""
    answers, lock, begun = Answers(), threading.Lock(), time.monotonic()
    taken = 0

    def work(caller: Caller) -> None:
        nonlocal taken
        while True:
            with lock:
                due, taken = begun + taken / rate, taken + 1
            if due > begun + seconds or time.monotonic() > begun + seconds + MAX_LATE_SECONDS:
                return
            time.sleep(max(0.0, due - time.monotonic()))
            call(caller, answers, due)

    callers = threading.Thread(target=run_threads, args=(server, library, CALLERS, work))
    callers.start()
    rows, judged = [], collections.defaultdict(list)
    while callers.is_alive():
        callers.join(timeout=max(0.0, begun + READ_SECONDS * (len(rows) + 1) - time.monotonic()))
        found, times = read_metrics(server), answers.take()
        second = time.monotonic() - begun
        if second > seconds:
            break
        everything = [one for own in times.values() for one in own]
        row = {"second": round(second, 1), "memory_mib": found["aicp_memory_bytes"] / 2**20, "files": found["aicp_open_files"]}
        row |= {"database_mib": found["aicp_database_bytes"] / 2**20, "connections": found["aicp_connections_open"]}
        row |= {"cpu_seconds": found["aicp_cpu_seconds_total"], "waiting": found["aicp_recognition_waiting"]}
        rows.append(row | (percentiles(everything) if everything else {}))
        if second > WARM_UP * seconds:
            for operation, own in times.items():
                judged[operation] += own
        if len(rows) % max(1, int(seconds / READ_SECONDS / 12)) == 0:
            last = rows[-1]
            times = f"{last.get('p50_ms', 0):>8.1f} ms p50 {last.get('p99_ms', 0):>8.1f} ms p99"
            print(f"{second:>7.0f} s {last['memory_mib']:>9.1f} MiB {last['files']:>5.0f} files {times}", flush=True)
    callers.join()
    told = {operation: percentiles(own) for operation, own in judged.items()}
    told["all"] = percentiles([one for own in judged.values() for one in own])
    return rows, told, answers.failures


def prepare(server: Server, album: list[str]) -> Library:
    """Creates the library with a person per picture."""
    library = Library(server.grant("soak"), [], album)
    caller = Caller(server, library, 0)
    caller.post("addBase", {"groupId": LIBRARY, "dbName": LIBRARY, "dbDesc": ""})
    for number, picture in enumerate(album):
        added = caller.post("add", {"groupId": LIBRARY, "name": f"person{number}", "image": picture})
        library.people.append(added["data"]["personNo"])
    return library


def log_volume(binary: str, album: list[str], level: str, form: str) -> dict:
    """Bytes and lines that the server logs per call of the mix, and per call that is refused for its token."""
    told = {"level": level, "format": form}
    with tempfile.TemporaryDirectory(prefix="aicp-soak-") as folder:
        log = pathlib.Path(folder) / "log"
        # The log goes into a file, so the address of the server must be known before.
        address, redirected = free_address(), ("sh", "-c", 'exec "$@" 2>"$0"', str(log))
        settings = {"AICP_LOG__LEVEL": level, "AICP_LOG__FORMAT": form}
        server = Server(binary, pathlib.Path(folder) / "data", ("--listen", address), redirected, **settings)
        server.launch()
        server.address = address
        try:
            limit = time.monotonic() + 60
            while server.call("GET", "/readyz", timeout=5).status != 200:
                if time.monotonic() > limit or server.process.poll() is not None:
                    raise SystemExit(f"error: the server does not start: {log.read_text()[-500:]}")
                time.sleep(0.05)
            library = prepare(server, album)
            for kind, own in (("answered", library), ("refused", library._replace(token="x" * 32))):
                caller, before, calls = Caller(server, own, 1), size(log), 0
                for _ in range(LOG_CALLS):
                    operation = caller.pick()
                    calls += 2 if operation == "add" and kind == "answered" else 1
                    try:
                        caller.one(operation)
                    except ValueError:
                        if kind == "answered":
                            raise
                # The last lines are written after the last answer.
                time.sleep(0.5)
                after = size(log)
                size_of, lines_of = ((late - early) / calls for early, late in zip(before, after))
                told[kind] = {"bytes_per_call": size_of, "lines_per_call": lines_of}
        finally:
            server.kill()
    return told


def free_address() -> str:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{one.getsockname()[1]}"


def size(log: pathlib.Path) -> tuple[int, int]:
    """Bytes and lines of a file."""
    data = log.read_bytes()
    return len(data), data.count(b"\n")


def metrics_cost(server: Server, bench: str, library: Library) -> dict:
    """Processor time of the metrics of a recognition, and of a reading of all metrics, as shares.

    The first is measured by itself (`aicp-bench metrics`), because it is far below what two runs of a server differ by;
    what it is a share of is measured here, in the same minute."""
    counted = json.loads(subprocess.run([bench, "metrics"], check=True, capture_output=True, text=True).stdout)
    caller = Caller(server, library, 2)
    before, calls, begun = cpu_seconds(server), 0, time.monotonic()
    while time.monotonic() - begun < 10:
        caller.one("recognition")
        calls += 1
    recognition = (cpu_seconds(server) - before) / calls
    before, readings = cpu_seconds(server), 200
    for _ in range(readings):
        read_metrics(server)
    reading = (cpu_seconds(server) - before) / readings
    return counted | {
        "recognition_cpu_ms": recognition * 1000,
        "share_of_recognition": counted["all_threads_ns"] / 1e9 / recognition,
        "reading_cpu_ms": reading * 1000,
        "share_of_a_processor_if_read_each_15_s": reading / 15,
    }


def cpu_seconds(server: Server) -> float:
    """Processor time of the server in seconds."""
    fields = pathlib.Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def machine() -> dict:
    info = pathlib.Path("/proc/cpuinfo").read_text()
    name = re.search(r"model name\s*: (.*)", info)
    return {"cpu": name[1] if name else "unknown", "cores": os.cpu_count(), "load_before": os.getloadavg()[0]}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--share", type=float, default=SHARE_OF_CAPACITY, help="load as a share of the capacity")
    parser.add_argument("--aicp", default=ROOT / "target/release/aicp")
    parser.add_argument("--aicp-bench", default=ROOT / "target/release/aicp-bench")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "bench/results/soak.json")
    options = parser.parse_args()
    binary, bench = str(options.aicp), str(options.aicp_bench)
    people = [*sorted((ROOT / "samples/people").glob("*/*.jpg")), *sorted((ROOT / "samples/strangers").glob("*/*.jpg"))[:20]]
    album = [text(path.read_bytes()) for path in people]
    report = {"machine": machine(), "minutes": options.minutes, "mix": dict(MIX)}

    report["log"] = [log_volume(binary, album, level, form) for level in LEVELS for form in ("text", "json")]
    for row in report["log"]:
        told = ", ".join(
            f"{row[kind]['bytes_per_call']:.0f} B in {row[kind]['lines_per_call']:.2f} lines per call {kind}"
            for kind in ("answered", "refused")
        )
        print(f"log at {row['level']} as {row['format']}: {told}", flush=True)

    seconds = options.minutes * 60
    with tempfile.TemporaryDirectory(prefix="aicp-soak-") as folder:
        # The runtime that a service would have, not the one that starts fast.
        with Server(binary, pathlib.Path(folder) / "data", AICP_VISION__RUNTIME="auto") as server:
            library = prepare(server, album)
            cost = report["metrics"] = metrics_cost(server, bench, library)
            print(
                f"metrics: {cost['all_threads_ns'] / 1000:.1f} us of {cost['recognition_cpu_ms']:.1f} ms of a recognition: "
                f"{cost['share_of_recognition']:.4%}; a reading takes {cost['reading_cpu_ms']:.1f} ms, each 15 s "
                f"{cost['share_of_a_processor_if_read_each_15_s']:.3%} of a processor",
                flush=True,
            )
            most = report["capacity_per_second"] = capacity(server, library, min(CALIBRATION_SECONDS, seconds / 6))
            rate = report["rate_per_second"] = options.share * most
            print(f"capacity {most:.1f} calls/s, load {rate:.1f} calls/s for {options.minutes:g} minutes", flush=True)
            rows, report["latency"], failures = soak(server, library, rate, seconds)
            log = sum(map(len, server.log))
    report |= {"readings": rows, "failures": len(failures), "first_failures": failures[:5], "log_bytes": log}
    judged = [row for row in rows if row["second"] > WARM_UP * seconds]
    if len(judged) < 6:
        raise SystemExit("error: too short a run to judge")
    hours = (judged[-1]["second"] - judged[0]["second"]) / 3600
    held = report["held"] = sum(row.get("calls", 0) for row in judged[1:]) / (rate * hours * 3600)
    is_fine = not failures and held >= HELD
    for name, unit, allowed in (("memory_mib", "MiB", MEMORY_SHARE * judged[0]["memory_mib"]), ("files", "files", FILES)):
        told = trend(judged, name)
        told["verdict"] = verdict(told, allowed, hours)
        report[name] = told
        is_fine &= told["verdict"] != "grows"
        slope = f"{told['per_hour']:+.2f} ± {2 * told['standard_error']:.2f} {unit} per hour"
        print(f"{name}: {told['mean']:.1f} {unit}, {slope}: {told['verdict']}")
    latency = report["latency"]["all"]
    times = ", ".join(f"{name} {latency[f'{name}_ms']} ms" for name in ("p50", "p95", "p99"))
    print(f"answers: {latency['calls']}, {times}; {len(failures)} failures")
    if held < HELD:
        print(f"only {held:.0%} of the load was held: the machine was not idle, so this says nothing")
    for failure in failures[:5]:
        print(f"  {failure}")
    options.out.write_text(json.dumps(report, indent=1) + "\n")
    return 0 if is_fine else 1


if __name__ == "__main__":
    sys.exit(main())
