"""Stop the server in the middle of work, and verify the calls in progress.

Sixty clients call at once: twenty make random writes in every dialect, forty recognise, list, fetch pictures and
request statistics, half of them on persistent connections. At a random moment the process gets SIGTERM; then it is
restarted.

A miss is: an exit code other than 0, or a stop that takes more than 20 seconds; an answer that breaks off after its
header; a call without an answer that was sent two seconds or more before SIGTERM (a later one may still be in the
system's accept queue); an acknowledged write that is lost after the restart, a refused one that is stored, one without
an answer that is stored in part; a panic in the log.
"""

import http.client
import itertools
import json
import pathlib
import random
import signal
import subprocess
import threading
import time
import urllib.parse

from harness import Answer, Refused, Report, Server, folder, seed
from journey import Pictures, picture, text
from kills import SETTINGS, total
from ledger import Ids
from observer import settle
from writer import FACES, Album
from writer_groups import Writer

WRITERS, READERS = 20, 40
MAX_STOP_SECONDS = 20
LONG, SHORT = 5, 1


class Watched(Server):
    """A server that records the results of its calls."""

    def __init__(self, *arguments, **settings):
        super().__init__(*arguments, **settings)
        self.lock = threading.Lock()
        self.forget()

    def forget(self) -> None:
        self.answered = self.refused = 0
        # Send times of calls without an answer.
        self.silent: list[float] = []
        self.cut: list[str] = []

    def exchange(self, connection, method: str, path: str, body, headers) -> Answer:
        """Makes one call on a connection. Status 0 without a complete answer."""
        sent, head = time.monotonic(), None
        try:
            if connection.sock is None:
                connection.connect()
        except OSError:
            return Answer(0, b"")
        try:
            connection.request(method, path, body, headers)
            sent = time.monotonic()
            head = connection.getresponse()
            answer = Answer(head.status, head.read())
            with self.lock:
                self.answered += 1
                self.refused += head.status == 503
            return answer
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            with self.lock:
                if head is None:
                    self.silent.append(sent)
                else:
                    self.cut.append(f"{method} {path.partition('?')[0]}: {head.status}, then {error!r}")
            return Answer(0, b"")

    def connection(self, timeout: float = 60) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.address, timeout=timeout)

    def call(self, method: str, path: str, body: bytes | None = None, timeout: float = 60, **headers: str) -> Answer:
        connection = self.connection(timeout)
        try:
            return self.exchange(connection, method, path, body, headers)
        finally:
            connection.close()


class Reader:
    """A client that makes read calls; every second client has a persistent connection."""

    def __init__(self, server: Watched, token: str, library: str, link: str, number: int):
        self.server, self.keeps = server, number % 2 == 0
        headers = {"Content-Type": "application/json", "token": token}
        image = text(picture(FACES[number % len(FACES)]))

        def post(path: str, **body):
            return ("POST", path, json.dumps(body).encode(), headers)

        self.calls = [
            post("/aicp/face/recognition", groupId=library, image=image),
            post("/aicp/face/queryBaseAll"),
            post("/method/call"),
            post("/face-api/v3/user/list", group_id=library),
            post("/aicp/face/couple", imageA=image, imageB=image),
            ("GET", link, None, {}),
            ("GET", "/healthz", None, {}),
        ]
        random.Random(number).shuffle(self.calls)

    def run(self, is_over) -> None:
        """Calls until `is_over`, or until a call gets no answer."""
        connection = self.server.connection()
        for call in itertools.cycle(self.calls):
            if is_over() or self.server.exchange(connection, *call).status == 0:
                break
            if not self.keeps:
                connection.close()
        connection.close()


def readers(server: Watched, still: Writer) -> list[Reader]:
    """The reading clients, for the app of an idle writer."""
    still.do_add_base()
    still.do_add()
    ((_, library, name),) = still.keys("person")
    number = still.handles["person", library, name]
    parts = urllib.parse.urlsplit(still.app.aicp("/aicp/face/query", groupId=library, userId=number).data["faceDBURL"])
    link = f"{parts.path}?{parts.query}"
    return [Reader(server, still.app.token, library, link, count) for count in range(READERS)]


def end(server: Watched, chance: random.Random, jobs: list) -> tuple[float, list[str]]:
    """Runs all clients and sends SIGTERM at a random moment. Returns the seconds until the end, and the misses."""
    is_ended = threading.Event()
    threads = [threading.Thread(target=job.run, args=(is_ended.is_set,)) for job in jobs]
    for thread in threads:
        thread.start()
    limit = time.monotonic() + 10
    enough = server.answered + 200
    while server.answered < enough and time.monotonic() < limit:
        time.sleep(0.01)
    # A random delay, so that SIGTERM hits any moment.
    time.sleep(chance.random() * 0.5)
    begun, misses = time.monotonic(), []
    server.process.send_signal(signal.SIGTERM)
    try:
        code = server.process.wait(MAX_STOP_SECONDS)
        if code != 0:
            misses.append(f"it ended with {code}: {server.log[-3:]}")
    except subprocess.TimeoutExpired:
        misses.append(f"it did not end within {MAX_STOP_SECONDS} s")
        server.kill()
    taken = time.monotonic() - begun
    is_ended.set()
    for thread in threads:
        thread.join()
    server.reader.join()
    misses += [f"cut off: {one}" for one in server.cut[:5]]
    if old := [round(begun - sent, 2) for sent in server.silent if sent < begun - 2]:
        misses.append(f"{len(old)} calls without an answer, sent so many seconds before SIGTERM: {old[:5]}")
    misses += [f"panic: {line}" for line in server.log if "panicked" in line]
    return taken, misses


def run(binary: str, is_short: bool) -> Report:
    chosen = seed()
    report = Report(f"SIGTERM in the middle of load (AICP_TORTURE_SEED={chosen})")
    chance = random.Random(chosen)
    with folder() as name, Pictures() as served:
        place = pathlib.Path(name)
        server = Watched(binary, place / "data", **SETTINGS)
        server.start()
        album, ids = Album(served), Ids()
        writers = [Writer(server, f"app{number}", album, ids, chosen) for number in range(WRITERS)]
        still = Writer(server, "still", album, ids, chosen)
        reading = readers(server, still)
        for writer in writers:
            # Excess simultaneous calls are refused.
            writer.ledger.is_lenient = True
        try:
            for round_ in range(SHORT if is_short else LONG):
                server.forget()
                before = total(writers, "done")
                taken, misses = end(server, chance, [*writers, *reading])
                done = total(writers, "done") - before
                counted = (
                    f"{server.answered} answered ({done} writes), {server.refused} refused, "
                    f"{len(server.silent)} closed without an answer; ended after {taken:.1f} s"
                )
                server.start()
                misses += settle(binary, server, [*writers, still], place / "copy")
                report.row(f"stop {round_ + 1}", counted, *misses)
        except Refused as refused:
            report.row("broken off", "", f"no start after a stop: {refused}")
        finally:
            if server.process.poll() is None:
                server.kill()
    return report
