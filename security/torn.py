"""Damage copies of a data folder in many ways, and start the server on each.

One server writes, is stopped, writes more and is killed, which gives one folder with a write-ahead log to replay and
one without. Copies of both are damaged: the log cut, flipped, extended; the database cut, flipped, zeroed by pages;
templates, pictures, keys and other parts altered or removed. A file is also cut and removed under a running server.

A miss is: a process killed by a signal, or one that neither serves nor ends with 1 within 15 seconds; a refusal that
names no file or no remedy; failing calls without a log line; damage of a used page, a template or a picture that `aicp
check` does not detect; a start that serves less than it could (a missing picture must not stop it); and, after damage
of the log, any state other than one after an acknowledged write, in the known order. A flipped bit may hit unused space
or unprotected text: these are counted.
"""

import hashlib
import os
import pathlib
import random
import shutil
import time
import urllib.parse
from typing import Callable, NamedTuple

from folder_damages import CASES, SHORT, Case
from harness import Refused, Report, Server, folder, seed
from journey import Pictures
from kills import SETTINGS
from ledger import Ids
from observer import Observer, Unread, checked
from writer import Album
from writer_groups import Writer

MAX_START_SECONDS = 15
ADVICE = ("--new", "backup", "back up", "restore", "put it back", "aicp check", "remove", "free", "make room", "raise", "move")


class Base:
    """The two undamaged folders, and the state after each write in order."""

    def __init__(self, binary: str, place: pathlib.Path, served: Pictures, chosen: str, writes: int):
        self.binary, self.place = binary, place
        self.server = Server(binary, place / "data", **SETTINGS).start()
        self.writer = Writer(self.server, "app0", Album(served), Ids(), chosen)
        # Console users are omitted: no call lists them.
        self.writer.writes = [write for write in self.writer.writes if write.__name__ != "do_register"]
        self.states: list[dict] = []
        self.known: dict = {}
        self.write(writes)
        self.server.stop()
        self.stopped, self.killed = place / "stopped", place / "killed"
        shutil.copytree(self.server.folder, self.stopped)
        self.at_stop = len(self.states) - 1
        self.server.start()
        self.write(writes)
        self.server.kill()
        shutil.copytree(self.server.folder, self.killed, ignore=shutil.ignore_patterns("control.sock"))

    def write(self, count: int) -> None:
        """Makes writes one at a time and records the state after each; at the end a person exists."""
        ledger = self.writer.ledger
        until = ledger.done.total() + count
        while ledger.done.total() < until or not self.writer.keys("person"):
            before = ledger.done.total()
            self.writer.one(*(["do_add_base", "do_add"] if before >= until else []))
            if ledger.doubts or ledger.surprises:
                raise SystemExit(f"error: a write without damage failed: {ledger.doubts} {ledger.surprises}")
            if ledger.done.total() > before or not self.states:
                self.states.append(dict(ledger.state))
                self.known |= ledger.state

    def look(self, server: Server) -> dict:
        """Observed state of a server on a copy."""
        self.writer.app.server = server
        # Accounts and grants are read by name: by all names ever used.
        self.writer.ledger.state = self.known
        observer = Observer(self.writer)
        observer.look()
        observer.spot_check()
        return observer.found


class Trial(NamedTuple):
    """Result of one damaged copy."""

    is_served: bool
    is_seen: bool
    is_changed: bool
    misses: list[str]


def has_words(server: Server) -> bool:
    """Whether the log has a line above INFO. It may appear slightly later than its answer."""
    limit = time.monotonic() + 2
    while time.monotonic() < limit:
        if any(not line.startswith("{") or '"level":"INFO"' not in line for line in list(server.log)):
            return True
        time.sleep(0.05)
    return False


def begin(server: Server) -> str:
    """Starts a server. Returns an empty text if it is ready, else the reason from /readyz. Raises `Refused`."""
    server.launch()
    limit, answer = time.monotonic() + MAX_START_SECONDS, None
    while time.monotonic() < limit:
        if server.address and (answer := server.call("GET", "/readyz", timeout=5)).status == 200:
            return ""
        if answer and answer.status == 503 and time.monotonic() > limit - MAX_START_SECONDS + 5:
            return answer.body.decode(errors="replace")
        if server.process.poll() is not None:
            server.reader.join()
            raise Refused(server.process.returncode, "\n".join(server.log[-12:]))
        time.sleep(0.01)
    server.kill()
    raise Refused(0, f"neither ready nor refused: {answer}")


def is_internal(error: Exception) -> bool:
    """Whether a call failed with an internal error of the server."""
    return any(word in str(error) for word in ("服务端报错", "222302", "30006", "70500", "InternalError", ": 500 "))


def refusal(refused: Refused, seconds: float) -> list[str]:
    misses = []
    if refused.code != 1:
        misses.append(f"the start ended with {refused.code}: {refused.said[-300:]}")
    if seconds > MAX_START_SECONDS:
        misses.append(f"the start was refused after {seconds:.1f} s")
    lines = refused.said.splitlines()
    begun = max((index for index, line in enumerate(lines) if line.startswith("error:")), default=0)
    last = " ".join(lines[begun:])
    if " /" not in last:
        misses.append(f"a refusal names no file ({last})")
    if not any(word in last.lower() for word in ADVICE):
        misses.append(f"a refusal does not say what to do ({last})")
    return misses


def picture_links(base: Base, server: Server, state: dict) -> list[str]:
    """Fetches every picture. Returns a miss for each one with wrong bytes, and for each failure that is not logged."""
    wrong = []
    for key in [key for key in state if key[0] == "person"]:
        faces = state[key][2]
        user = base.writer.handles.get(key, key[2])
        told = base.writer.app.aicp("/aicp/face/query", groupId=key[1], userId=user)
        if not told.is_done:
            continue
        parts = urllib.parse.urlsplit(told.data["faceDBURL"])
        answer = server.call("GET", f"{parts.path}?{parts.query}")
        digest = hashlib.sha256(answer.body).hexdigest()[:32]
        if answer.status == 200 and digest not in faces:
            wrong.append(f"another picture is served as the one that was sent ({key})")
        elif answer.status != 200 and not has_words(server):
            wrong.append(f"a picture is answered with {answer.status} without a word in the log ({key})")
    return wrong


def attempt(base: Base, case: Case, copy: pathlib.Path, chance: random.Random) -> Trial:
    """Damages a copy, runs `aicp check`, starts a server on it, reads everything, and stops it."""
    shutil.copytree(base.killed if case.is_killed else base.stopped, copy)
    last = base.states[-1 if case.is_killed else base.at_stop]
    told = case.damage(copy, chance)
    check = checked(base.binary, copy)
    misses, found, is_seen = [], None, check.returncode != 0
    if check.returncode not in (0, 1):
        misses.append(f"aicp check ends with {check.returncode}: {check.stderr[-300:]}")
    if case.is_seen and not is_seen:
        misses.append("aicp check sees nothing")
    server = Server(base.binary, copy, **SETTINGS)
    begun = time.monotonic()
    try:
        unready = begin(server)
    except Refused as refused:
        misses += refusal(refused, time.monotonic() - begun)
        if case.wanted == "serve":
            misses.append(f"the start was refused: {refused.said[-300:]}")
        return Trial(False, is_seen, False, [f"{miss} ({told})" for miss in misses])
    try:
        if unready and (case.wanted == "serve" or not any(word in unready for word in ("store", "database", "disk"))):
            misses.append(f"not ready: {unready}")
        if case.wanted == "refuse":
            misses.append("the start was not refused")
        try:
            found = base.look(server)
        except (Unread, ValueError, KeyError, TypeError) as error:
            if is_internal(error) and not has_words(server):
                misses.append(f"calls fail without a word in the log: {error}")
            if case.holds:
                misses.append(f"calls fail: {error}")
        if found is not None:
            if case.holds == "all" and found != last:
                misses.append(f"it has another state: {apart(last, found)}")
            if case.holds == "prefix" and found not in base.states:
                misses.append(f"its state is not one of those after a write: {apart(last, found)}")
        if "picture" in case.name:
            misses += picture_links(base, server, last)
        # A changed vector of the right length is only detected by its digest, which a start does not read.
        if case.is_told and not told.startswith("bit") and not has_words(server):
            misses.append("no word of it in the log")
        incoming = copy / "objects" / "incoming"
        if "incoming" in case.name and (left := [path for path in incoming.iterdir() if path.is_file()]):
            misses.append(f"left in incoming: {left}")
        code = server.stop()
        if code not in (0, 1):
            misses.append(f"the stop ended with {code}")
    finally:
        if server.process.poll() is None:
            server.kill()
    return Trial(True, is_seen, found != last, [f"{miss} ({told})" for miss in misses])


def apart(wanted: dict, found: dict) -> str:
    keys = [key for key in sorted(wanted.keys() | found.keys(), key=str) if wanted.get(key) != found.get(key)]
    return f"{len(keys)} things differ: " + str([(key, wanted.get(key), found.get(key)) for key in keys[:3]])[:400]


def under_a_running_server(base: Base, copy: pathlib.Path, damage: Callable) -> tuple[str, list[str]]:
    """Cuts or removes the database of a running server, which may then refuse every call but must run on and report it.

    Returns a description of the result, and the misses."""
    shutil.copytree(base.stopped, copy)
    server = Server(base.binary, copy, **SETTINGS).start()
    try:
        damage(copy / "aicp.db")
        misses, limit, ready, failed = [], time.monotonic() + 10, None, ""
        try:
            base.look(server)
        except (Unread, ValueError, KeyError, TypeError) as error:
            failed = "calls failed, "
            if is_internal(error) and not has_words(server):
                misses.append(f"calls fail without a word in the log: {error}")
        while time.monotonic() < limit and (ready := server.call("GET", "/readyz")).status == 200:
            time.sleep(0.1)
        if ready.status not in (200, 503) or ready.status == 503 and len(ready.body) < 20:
            misses.append(f"/readyz answers {ready.status} {ready.body[:200]}")
        if failed and ready.status == 200:
            misses.append("/readyz says ready for 10 s while calls fail")
        has_ended = server.process.poll() is not None
        code = server.process.returncode if has_ended else server.stop()
        if has_ended or code not in (0, 1):
            misses.append(f"it ended{' by itself' if has_ended else ''} with {code}")
        return f"{failed}/readyz {ready.status}, ended with {code}", misses
    finally:
        if server.process.poll() is None:
            server.kill()


UNDER = {
    "cut to a third": lambda path: os.truncate(path, path.stat().st_size // 3),
    "cut to nothing": lambda path: os.truncate(path, 0),
    "taken away": lambda path: path.unlink(),
}


def run(binary: str, is_short: bool) -> Report:
    chosen = seed()
    report = Report(f"damaged data folders (AICP_TORTURE_SEED={chosen})")
    chance = random.Random(chosen)
    begun, seconds = time.monotonic(), 28 if is_short else 450
    with folder() as name, Pictures() as served:
        place = pathlib.Path(name)
        base = Base(binary, place, served, chosen, 40 if is_short else 90)
        copy = place / "copy"
        for case in CASES:
            if is_short and case.name not in SHORT:
                continue
            trials, tries = [], 1 if is_short else case.tries
            for _ in range(tries):
                if time.monotonic() - begun > seconds:
                    break
                trials.append(attempt(base, case, copy, chance))
                shutil.rmtree(copy)
            served_, seen = sum(trial.is_served for trial in trials), sum(trial.is_seen for trial in trials)
            silent = sum(trial.is_served and trial.is_changed and not trial.is_seen for trial in trials)
            counted = f"{len(trials)} copies: {served_} served, {len(trials) - served_} refused, aicp check sees {seen}"
            if "bit" in case.name and silent:
                counted += f", {silent} changed unseen"
            # Misses that differ only in brackets are reported once.
            misses = {miss.split(" (", 1)[0]: miss for trial in trials for miss in trial.misses}
            report.row(case.name, counted, *misses.values())
        for name_, damage in UNDER.items():
            if is_short and name_ != "cut to a third":
                continue
            counted, misses = under_a_running_server(base, copy, damage)
            report.row(f"database {name_} under it", counted, *misses)
            shutil.rmtree(copy)
    return report
