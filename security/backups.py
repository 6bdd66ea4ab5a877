"""Back up a server while clients write, restore, and compare with a moment of the clients' ledgers. Damage backups.

Four clients make random writes in every dialect: libraries, people, friends, keys, grants. Every call counts in the
statistics. Meanwhile `aicp backup` runs again and again. Each snapshot is restored, and a server on it is read through
its calls. What it has must be what all clients together had at one moment between the start and the end of that backup:
for each client the state after one of its writes, such that no write that it lacks was acknowledged before another that
it has was begun.

Then files of a backup get a flipped bit, or are cut, emptied or deleted, one at a time. `aicp backup-verify` and `aicp
restore` must refuse each, name what is damaged, and leave no data folder.

A miss is also: a backup, a restore or a check of the restored folder that fails; calls that are counted twice or lost
between two snapshots.
"""

import os
import pathlib
import random
import shutil
import sqlite3
import subprocess
import threading
import time
from typing import NamedTuple

from harness import Report, Server, folder, seed
from journey import Pictures
from kills import SETTINGS
from ledger import Ids, Ledger, is_between
from observer import Observer, Unread, checked, console_users
from writer import Album
from writer_groups import Writer

PHRASE = "a pass phrase of the tests"
# Snapshots under load, and damages.
LONG, SHORT = (8, 200), (2, 40)
# Answers that a damaged backup may get; "No such file" would be an error of the program.
REFUSALS = ("damaged", "pass phrase", "there is no snapshot", "there is no backup", "aicp-backup.json")


class Step(NamedTuple):
    """A write: when it was begun and acknowledged, what it changed, and the state after it."""

    begun: float
    told: float
    before: dict
    changes: dict
    is_piecewise: bool
    state: dict


class History(Ledger):
    """A ledger that keeps all its states."""

    def __init__(self):
        super().__init__()
        self.begun = time.monotonic()
        self.steps = [Step(self.begun, self.begun, {}, {}, False, {})]

    def write(self, what, changes, told, is_bad=False, is_piecewise=False):
        before = dict(self.state)
        is_done = super().write(what, changes, told, is_bad, is_piecewise)
        now = time.monotonic()
        if is_done and changes:
            self.steps.append(Step(self.begun, now, before, changes, is_piecewise, dict(self.state)))
        # A method may write twice; the second write begins after the answer to the first.
        self.begun = now
        return is_done

    def moments(self, found: dict) -> list[tuple[float, float]]:
        """Times between which the state was `found`: from the beginning of the last write that it has, to the answer to
        the first that it lacks."""
        times = []
        for step, following in zip(self.steps, [*self.steps[1:], None]):
            if step.state == found:
                times.append((step.begun, following.told if following else float("inf")))
            elif following and following.is_piecewise and self.is_halfway(following, found):
                times.append((following.begun, following.told))
        return times

    @staticmethod
    def is_halfway(step: Step, found: dict) -> bool:
        keys = step.before.keys() | step.changes.keys() | found.keys()
        wanted = {key: (step.before.get(key), step.changes.get(key, step.before.get(key))) for key in keys}
        return all(found.get(key) in pair or is_between(pair[0], found.get(key), pair[1]) for key, pair in wanted.items())

    def nearest(self, found: dict) -> str:
        """Describes how the nearest state differs, for the report."""

        def apart(state: dict) -> list:
            return [(key, state.get(key), found.get(key)) for key in state.keys() | found.keys() if state.get(key) != found.get(key)]

        return str(min((apart(step.state) for step in self.steps), key=len))[:600]


def client(writer: Writer, is_over) -> None:
    while not is_over():
        writer.ledger.begun = time.monotonic()
        writer.one()


def aicp(binary: str, *arguments, phrase: str | None = None) -> subprocess.CompletedProcess:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AICP_")}
    if phrase:
        environment["AICP_BACKUP__PASSPHRASE"] = phrase
    return subprocess.run([binary, *map(str, arguments)], env=environment, capture_output=True, text=True, timeout=120)


class Taken(NamedTuple):
    begun: float
    ended: float
    snapshot: str


def take(binary: str, data: pathlib.Path, to: pathlib.Path) -> tuple[Taken, str | None]:
    """Takes a backup; returns it, or the miss."""
    begun = time.monotonic()
    told = aicp(binary, "backup", to, "--data-dir", data)
    ended = time.monotonic()
    if told.returncode != 0:
        return Taken(begun, ended, ""), f"backup ends with {told.returncode}: {told.stderr[-600:]}"
    return Taken(begun, ended, told.stdout.split()[1].rstrip(":")), None


def counted(data: pathlib.Path) -> tuple[int, int]:
    """Calls in the sums of the statistics, and single calls."""
    connection = sqlite3.connect(data / "aicp.db")
    try:
        return tuple(connection.execute(f"SELECT {what}").fetchone()[0] for what in COUNTS)
    finally:
        connection.close()


COUNTS = ("COALESCE((SELECT SUM(count) FROM call_quarter), 0)", "(SELECT COUNT(*) FROM call_log)")


def look(server: Server, writers: list[Writer]) -> list[dict]:
    """Reads the state of all writers from another server than theirs."""
    users = console_users(server.folder)
    found = []
    for writer in writers:
        own, state = writer.app.server, writer.ledger.state
        writer.app.server = server
        # Accounts and grants can't be listed: all names that there ever were are asked for.
        writer.ledger.state = {key: value for step in writer.ledger.steps for key, value in step.state.items()}
        try:
            observed = Observer(writer).look()
        finally:
            writer.app.server, writer.ledger.state = own, state
        found.append(observed | {("console", name): token for name, token in users.items() if name.startswith(f"{writer.app.name}c")})
    return found


def compare(binary: str, taken: Taken, backup: pathlib.Path, place: pathlib.Path, writers: list[Writer]) -> tuple[list[str], tuple[int, int]]:
    """Restores a snapshot and compares it with the ledgers. Returns the misses and the calls that it counted."""
    target = place / f"restored-{taken.snapshot}"
    told = aicp(binary, "restore", backup, "--snapshot", taken.snapshot, "--data-dir", target)
    if told.returncode != 0:
        return [f"restore ends with {told.returncode}: {told.stderr[-600:]}"], (0, 0)
    check = checked(binary, target)
    misses = [f"aicp check ends with {check.returncode}: {(check.stdout + check.stderr)[:600]}"] if check.returncode else []
    counts = counted(target)
    if counts[0] != counts[1]:
        misses.append(f"{counts[0]} calls in the sums, {counts[1]} single calls")
    with Server(binary, target, **SETTINGS) as server:
        try:
            found = look(server, writers)
        except (Unread, KeyError, TypeError, ValueError) as error:
            return [*misses, f"{type(error).__name__} {error}"], counts
    shutil.rmtree(target)
    times = [writer.ledger.moments(state) for writer, state in zip(writers, found)]
    for writer, state, moments in zip(writers, found, times):
        if not moments:
            misses.append(f"{writer.app.name} never had this state; apart from the nearest: {writer.ledger.nearest(state)}")
    if not misses:
        # A writer that changed something and changed it back had a state twice.
        spans = [(taken.begun, taken.ended)]
        for moments in times:
            spans = [(max(a, c), min(b, d)) for a, b in spans for c, d in moments if max(a, c) <= min(b, d)]
        if not spans:
            misses.append(f"no moment of the backup {taken.begun:.3f} to {taken.ended:.3f} fits {times}")
    return misses, counts


def damage(path: pathlib.Path, chance: random.Random) -> tuple[str, bytes]:
    """Damages a file; returns how, and its bytes before."""
    before = path.read_bytes()
    way = chance.choice(["bit", "bit", "bit", "cut", "empty", "gone"])
    if way == "gone":
        path.unlink()
    elif way == "empty":
        path.write_bytes(b"")
    elif way == "cut":
        path.write_bytes(before[: chance.randrange(len(before))])
    else:
        changed, at = bytearray(before), chance.randrange(len(before))
        changed[at] ^= 1 << chance.randrange(8)
        path.write_bytes(changed)
    return way, before


def try_damages(binary: str, data: pathlib.Path, place: pathlib.Path, number: int, chance: random.Random, report: Report) -> None:
    for phrase in (None, PHRASE):
        backup, target = place / f"backup-{bool(phrase)}", place / "target"
        told = aicp(binary, "backup", backup, "--data-dir", data, phrase=phrase)
        misses = [f"backup ends with {told.returncode}: {told.stderr[-600:]}"] if told.returncode else []
        files = sorted(path for path in backup.rglob("*") if path.is_file())
        heads = [path for path in files if path.parent.name in ("snapshots", backup.name)]
        ways: dict[str, int] = {}
        for _ in range(number // 2):
            path = chance.choice(heads if chance.random() < 0.3 else files)
            way, before = damage(path, chance)
            ways[way] = ways.get(way, 0) + 1
            for command in (["backup-verify", backup], ["restore", backup, "--data-dir", target]):
                told = aicp(binary, *command, phrase=phrase)
                said = told.stdout + told.stderr
                is_refused = told.returncode == 1 and any(word in said for word in REFUSALS) and "panicked" not in said
                if not is_refused or target.exists() or list(place.glob("target.*")):
                    misses.append(f"{command[0]} of a backup with {path.relative_to(backup)} {way}: {told.returncode} {said[-300:]}")
            path.write_bytes(before)
        told = aicp(binary, "backup-verify", backup, phrase=phrase)
        if told.returncode != 0:
            misses.append(f"mended again, it is refused: {told.stdout[-300:]}{told.stderr[-300:]}")
        if phrase and aicp(binary, "restore", backup, "--data-dir", target, phrase="another").returncode != 1:
            misses.append("another pass phrase opens it")
        name = "damaged backups, encrypted" if phrase else "damaged backups"
        report.row(name, f"{number // 2} refused by verify and by restore: {ways}", *misses)


def run(binary: str, is_short: bool) -> Report:
    snapshots, damages = SHORT if is_short else LONG
    chosen = seed()
    report = Report(f"backups while clients write, and damaged ones (AICP_TORTURE_SEED={chosen})")
    chance = random.Random(chosen)
    with folder() as name, Pictures() as served:
        place = pathlib.Path(name)
        backup = place / "backup"
        server = Server(binary, place / "data", **SETTINGS).start()
        album, ids = Album(served), Ids()
        writers = [Writer(server, f"app{number}", album, ids, chosen) for number in range(4)]
        for writer in writers:
            writer.ledger = History()
        is_over = threading.Event()
        threads = [threading.Thread(target=client, args=(writer, is_over.is_set)) for writer in writers]
        for thread in threads:
            thread.start()
        taken, misses = [], []
        for number in range(snapshots):
            enough = (number + 1) * 60
            while sum(len(writer.ledger.steps) for writer in writers) < enough and any(map(threading.Thread.is_alive, threads)):
                time.sleep(0.01)
            one, miss = take(binary, server.folder, backup)
            taken += [] if miss else [one]
            misses += [miss] if miss else []
        is_over.set()
        for thread in threads:
            thread.join()
        for writer in writers:
            misses += writer.ledger.surprises
        writes = sum(len(writer.ledger.steps) - 1 for writer in writers)
        longest = max((one.ended - one.begun for one in taken), default=0)
        report.row("backups", f"{len(taken)} while {writes} writes were acknowledged, the longest took {longest:.1f} s", *misses)
        server.stop()
        before = (0, 0)
        for number, one in enumerate(taken, 1):
            misses, counts = compare(binary, one, backup, place, writers)
            if counts[0] < before[0]:
                misses.append(f"{counts[0]} calls, after {before[0]} in the snapshot before")
            during = [sum(step.told <= moment for writer in writers for step in writer.ledger.steps) - len(writers) for moment in one[:2]]
            report.row(f"restored snapshot {number}", f"a moment from write {during[0]} to {during[1]}; {counts[0]} calls counted", *misses)
            before = counts
        told = aicp(binary, "backup-verify", backup)
        report.row("the whole backup", told.stdout.splitlines()[-1] if told.stdout else "", *([told.stderr] if told.returncode else []))
        try_damages(binary, server.folder, place, damages, chance, report)
    return report
