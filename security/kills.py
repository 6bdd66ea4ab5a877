"""Kill the server repeatedly while clients write, and verify the acknowledged writes.

Four clients make random writes in every dialect: libraries, people and their faces, groups, devices, accounts, friends,
keys, grants and console users. At a random moment the process gets SIGKILL, and one time in three again during the
restart. Then everything is read through the server's calls and in a copy of its folder.

A miss is: an acknowledged write that is lost; a refused one that is stored; one without an answer that is stored in
part; an id assigned twice; a person not found by their own picture or number; a picture on disk that is incomplete or
without a row; rows or counts that differ from the calls' answers; an error from SQLite or `aicp check`; a write refused
without a reason; a start that fails or takes more than 15 seconds; a panic in the log.
"""

import pathlib
import random
import threading
import time

from harness import Refused, Report, Server, folder, seed
from journey import Pictures
from ledger import Ids
from observer import settle
from writer import Album
from writer_groups import Writer

SETTINGS = {
    "AICP_JDCLOUD__MAX_GROUPS": "1000",
    "AICP_FETCH__ALLOWED_NETWORKS": '["127.0.0.0/8"]',
    "AICP_CONSOLE__ATTEMPTS_PER_MINUTE": "1000000",
    "AICP_RECOGNITION__TOP_N": "100",
}
MAX_START_SECONDS = 15
# Rounds, seconds, and rounds per row of the table.
LONG, SHORT = (60, 330, 10), (4, 18, 4)


def total(writers: list[Writer], count: str) -> int:
    counts = [getattr(writer.ledger, count) for writer in writers]
    return sum(one if isinstance(one, int) else one.total() for one in counts)


class Killer:
    """A server, its writers, and the counts of a run."""

    def __init__(self, server: Server, writers: list[Writer], chance: random.Random):
        self.server, self.writers, self.chance = server, writers, chance
        self.kills = self.early = 0
        self.slowest = 0.0

    def load(self) -> None:
        """Runs the writers and kills the server at a random moment."""
        before = total(self.writers, "done")
        threads = [threading.Thread(target=writer.run, args=(lambda: False,)) for writer in self.writers]
        for thread in threads:
            thread.start()
        enough, limit = before + self.chance.randrange(4, 60), time.monotonic() + 10
        while total(self.writers, "done") < enough and time.monotonic() < limit and any(map(threading.Thread.is_alive, threads)):
            time.sleep(0.005)
        # A random delay, so that the kill hits any moment.
        time.sleep(self.chance.random() * 0.1)
        self.server.kill()
        self.kills += 1
        for thread in threads:
            thread.join()

    def start(self) -> list[str]:
        """Restarts the server, possibly killing it again while it starts."""
        misses = []
        while self.chance.random() < 0.33:
            self.server.launch()
            time.sleep(self.chance.random() * 0.4)
            if self.server.process.poll() is not None:
                misses.append(f"a start ended by itself with {self.server.process.returncode}: {self.server.log[-3:]}")
            self.server.kill()
            self.early += 1
        begun = time.monotonic()
        self.server.start()
        taken = time.monotonic() - begun
        self.slowest = max(self.slowest, taken)
        if taken > MAX_START_SECONDS:
            misses.append(f"a start took {taken:.1f} s")
        return misses

    def panics(self) -> list[str]:
        return [f"panic: {line}" for line in self.server.log if "panicked" in line]


def run(binary: str, is_short: bool) -> Report:
    rounds, seconds, step = SHORT if is_short else LONG
    chosen = seed()
    report = Report(f"kill -9 while clients write (AICP_TORTURE_SEED={chosen})")
    chance = random.Random(chosen)
    with folder() as name, Pictures() as served:
        place = pathlib.Path(name)
        server = Server(binary, place / "data", **SETTINGS).start()
        album, ids = Album(served), Ids()
        writers = [Writer(server, f"app{number}", album, ids, chosen) for number in range(3 if is_short else 4)]
        killer = Killer(server, writers, chance)
        begun, misses, seen = time.monotonic(), [], 0
        try:
            while killer.kills < rounds and time.monotonic() - begun < seconds:
                killer.load()
                misses += killer.panics() + killer.start()
                misses += settle(binary, server, writers, place / "copy")
                if killer.kills % step == 0:
                    done = total(writers, "done")
                    report.row(f"kills {killer.kills - step + 1} to {killer.kills}", f"{done - seen} writes acknowledged", *misses)
                    misses, seen = [], done
        except Refused as refused:
            misses.append(f"no start after a kill: {refused}")
        finally:
            if server.process.poll() is None:
                server.kill()
        kinds = set().union(*(writer.ledger.done for writer in writers))
        counted = (
            f"{killer.kills} kills, {killer.early} more while starting; {total(writers, 'done')} writes of {len(kinds)} kinds acknowledged, "
            f"{total(writers, 'refused')} refused, {total(writers, 'in_doubt')} unanswered, of which {total(writers, 'found_done')} done; "
            f"slowest start {killer.slowest:.1f} s"
        )
        if killer.kills < (1 if is_short else 20):
            misses.append(f"only {killer.kills} kills in {seconds} s")
        report.row("in all", counted, *misses)
    return report
