"""Vendors' engines of a cluster under torture: simulators that are killed and lose answers, and whether they have each write once.

Cloudwalk's faces have a key: each write must be in effect once. Koala's are looked up by a search, which is not set up until the end. Until then
a write that has lost its answer is in doubt, and must be shown so.
"""

import collections
import concurrent.futures
import json
import pathlib
import subprocess
import time
import urllib.request

from cluster import ROOT, Node
from cluster_clients import Caller, Library
from s3 import SECONDS, free_ports

VENDORS = ("cloudwalk", "koala")
KOALA = "business/api/v1/"
PATHS = {
    "create_library": "repository/create", "delete_library": "repository/delete", "remove": "repository/personDb/delete",
    "compare": "face/compare", "detect": "face/detect", "quality": "face/quality", "health": "health",
}
SEARCH = f"{KOALA}repository/search"
# The writes, whose answers are lost.
WRITES = {
    "cloudwalk": ["face/clustering/face/create", "face/clustering/face/delete"],
    "koala": [f"{KOALA}repository/personDb", f"{KOALA}repository/personDb/delete"],
}
CODES = {"library_missing_codes": [80404], "library_exists_codes": [80409], "face_missing_codes": [80405]}
# Wait until all writes are done: a node takes over those of another one after half a minute.
SETTLED = 90


class Engine:
    """A simulator with a journal, which outlives it."""

    def __init__(self, binary: str, vendor: str, folder: pathlib.Path):
        self.vendor, self.folder = vendor, folder / vendor
        self.folder.mkdir()
        (self.port,) = free_ports(1)
        self.command = [binary, "--speak", vendor, "--listen", f"0.0.0.0:{self.port}", "--data-dir", self.folder, "--models-dir", ROOT / "models"]
        self.process: subprocess.Popen | None = None

    def settings(self, host: str) -> dict[str, str]:
        prefix = f"AICP_ENGINES__{self.vendor.upper()}__"
        found = {f"{prefix}URL": f"http://{host}:{self.port}/"}
        found |= {f"{prefix}REMOTE__{name.upper()}": json.dumps(codes) for name, codes in CODES.items()}
        if self.vendor == "koala":
            found |= {f"{prefix}PATHS__{name.upper()}": KOALA + path for name, path in PATHS.items()}
        return found

    def start(self) -> None:
        with (self.folder / "log").open("a") as log:
            self.process = subprocess.Popen([*map(str, self.command)], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        for _ in range(SECONDS * 10):
            if self.process.poll() is not None:
                break
            try:
                self.ask("calls")
                return
            except OSError:
                time.sleep(0.1)
        raise SystemExit(f"error: an engine did not start: {(self.folder / 'log').read_text()[-2000:]}")

    def ask(self, what: str, body: dict | None = None) -> dict:
        url = f"http://127.0.0.1:{self.port}/simulator/{what}"
        with urllib.request.urlopen(url, None if body is None else json.dumps(body).encode(), timeout=10) as answer:
            return json.load(answer)

    def lose_answers(self, seed: int) -> None:
        """Spoils some of the next writes, and answers all from now on late, so that faults of nodes meet them under way."""
        faults = {"dropAfter": 0.5, "dropBefore": 0.2, "status500": 0.2, "limit": 3, "seed": seed, "delayMs": 500}
        self.ask("faults", faults | {"paths": WRITES[self.vendor]})

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.kill()

    def pictures(self) -> collections.Counter:
        """The pictures that it has, by their hashes."""
        return collections.Counter(face["sha256"] for faces in self.ask("faces").values() for face in faces)

    def repeated(self) -> list[str]:
        """Writes that its journal has twice. Koala's have no key by which that shows."""
        lines = (self.folder / "journal.jsonl").read_text().splitlines()
        writes = [(write["op"], write["face"]) for write in map(json.loads, lines) if "face" in write]
        return [f"{self.vendor}: {op} of {face} {number} times" for (op, face), number in collections.Counter(writes).items() if number > 1]


class Shown:
    """What the API shows of an engine's library: who is there, who waits, and the writes that are not done."""

    def __init__(self, caller: Caller, library: Library):
        self.people, self.pending = collections.Counter(), collections.Counter()
        names, self.is_whole = {}, True
        for person in library.people:
            for call in person.calls:
                names |= {name: person.sha256 for name in (call.told, call.about) if name}
            status, found = caller.listed(person)
            self.is_whole &= status == 200
            for one in found:
                names[one["id"]] = person.sha256
                _, whole = caller.call("GET", f"{library.path}/people/{one['id']}")
                is_pending = any(face["isPending"] for face in whole.get("faces", []))
                (self.pending if is_pending else self.people)[person.sha256] += 1
        status, found = caller.call("GET", f"/api/v1/outbox?limit=1000&libraryId={library.path.rpartition('/')[2]}")
        self.is_whole &= status == 200
        items = found.get("items", [])
        self.late = sum(write["state"] == "done" for write in items)
        self.writes = [write for write in items if write["state"] != "done"]
        # A write about somebody of whom no client was told an id may be about anybody.
        self.open = collections.Counter(names.get(write["personId"], "?") for write in self.writes)
        self.doubtful = [write for write in self.writes if write["mayBeDone"]]

    def wrong(self, engine: Engine, people: dict[str, str]) -> list[str]:
        """Compares with what the engine has. Where a write is open, it may have a face more or less."""
        found, has = [], engine.pictures()
        for sha256, name in people.items():
            wanted, waiting, slack = self.people[sha256], self.pending[sha256], self.open[sha256] + self.open["?"]
            if not wanted - slack <= has[sha256] <= wanted + slack:
                found.append(f"{engine.vendor} has {name} {has[sha256]} times instead of {wanted}, and {slack} writes of it are shown")
            if waiting > slack:
                found.append(f"{name} waits for {engine.vendor}, and no write is shown")
        return found + [f"{engine.vendor} has a picture of nobody" for sha256 in has if sha256 not in people]


def settle(caller: Caller, engine: Engine, library: Library, is_settled, again=lambda: None) -> tuple[Shown, list[str]]:
    """Waits until nothing is wrong and the rest is settled, and does something now and then; returns what is shown, and what is wrong in the end."""
    begun, people = time.monotonic(), {person.sha256: str(person) for person in library.people}
    while True:
        shown = Shown(caller, library)
        wrong = shown.wrong(engine, people)
        if shown.is_whole and not wrong and is_settled(shown):
            return shown, []
        if time.monotonic() - begun > SETTLED:
            if not is_settled(shown):
                wrong += [f"{engine.vendor}: still {write['state']}: {write}" for write in shown.writes[:5]]
            return shown, wrong
        again()
        time.sleep(2)


def check(nodes: list[Node], engines: list[Engine], libraries: list[Library]) -> list[str]:
    """Compares engines with libraries once the writes are done, and prints what was in doubt."""
    of_vendor = {engine.vendor: engine for engine in engines}
    with concurrent.futures.ThreadPoolExecutor() as pool:
        found = pool.map(lambda library: check_one(nodes, of_vendor[library.engine], library), libraries)
        return [one for wrong in found for one in wrong]


def check_one(nodes: list[Node], engine: Engine, library: Library) -> list[str]:
    engine.ask("faults", {})
    # Without a look-up, a write in doubt is refused, and shown.
    shown, wrong = settle(Caller.of(nodes[0]), engine, library, lambda shown: all(write["state"] == "refused" for write in shown.writes))
    print(f"{engine.vendor}: {shown.late} writes done late, {len(shown.writes)} not done, {len(shown.doubtful)} of these in doubt")
    if engine.vendor == "koala":
        wrong += look_up(nodes, engine, library)
    else:
        wrong += [f"{engine.vendor}: in doubt although it has keys: {write}" for write in shown.writes]
    return wrong + engine.repeated()


def look_up(nodes: list[Node], engine: Engine, library: Library) -> list[str]:
    """Sets the search up, with which what is in doubt is found out."""
    body = {"value": SEARCH, "reason": "to look writes up"}
    status, _ = Caller.of(nodes[0]).call("PUT", "/api/v1/settings/engines.koala.paths.search", body)
    if status != 200:
        return [f"the search of koala can't be set: {status}"]

    def retry() -> None:
        # Who has not made the last attempt passes over a write in doubt for half a minute.
        for node in nodes:
            Caller.of(node).call("POST", "/api/v1/outbox/retry", {"engine": "koala"})

    retry()
    shown, wrong = settle(Caller.of(nodes[0]), engine, library, lambda shown: not shown.writes, retry)
    print(f"koala, once it has a look-up: {shown.late} writes done late, {len(shown.writes)} not done")
    return wrong
