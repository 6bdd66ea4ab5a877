"""Clients of a cluster under torture. They enrol, remove and look for the same people at once, and record what they were told."""

import base64
import collections
import hashlib
import http.client
import json
import pathlib
import random
import threading
import time

from cluster import ADMIN_TOKEN, Node
from history import DONE, EXISTS, MISSING, UNKNOWN, Call

CLIENTS = 8
# A node that was cut off or stopped may answer a search so long after a write that it does not know: its lease of 0.9 s. It is in memory what it
# searches. Everything else is read from the database, which is never behind.
GRACE = 1.0
# Wait of a client for an answer. A call without one may still be done.
PATIENCE = 15
# Pause of a client after a failure.
AFTER_FAILURE = 0.1
# Share of the calls about people of vendors' engines, and, among the others, about the few that a pair of clients quarrels about.
VENDORS, HOT = 0.2, 0.4
HOT_PEOPLE = 2
# Share of the calls that search, and that list.
SEARCHES, LISTS = 0.4, 0.1
# Share of the writes that contradict what the client believes: an enrolment of somebody present, a removal of somebody removed.
CONTRARY = 0.15
# Nobody knows whether the call was done: no answer, or the answer to the commit was lost. After 503 it must not have been.
NO_ANSWER, BUSY = (0, 500, 502, 503, 504), 503


class Person:
    """Somebody to be enrolled in a library, and the calls about them."""

    def __init__(self, library: "Library", path: pathlib.Path):
        picture = path.read_bytes()
        self.library, self.key = library, f"{path.parent.name}/{path.stem}"
        self.image, self.sha256 = base64.b64encode(picture).decode(), hashlib.sha256(picture).hexdigest()
        self.calls: list[Call] = []
        # The id that was told last, if they are believed to be there, and the one of before.
        self.present: str | None = None
        self.former: str | None = None

    def __str__(self) -> str:
        return f"{self.key} of {self.library.engine}"


class Library:
    def __init__(self, engine: str, number: str, pictures: list[pathlib.Path]):
        self.engine, self.path = engine, f"/api/v1/libraries/{number}"
        self.people = [Person(self, path) for path in pictures]


class Caller:
    """Makes calls, each on a connection of its own."""

    def __init__(self, address: str, port: int, patience: float = PATIENCE):
        self.address, self.port, self.patience = address, port, patience

    @classmethod
    def of(cls, node: Node) -> "Caller":
        return cls(node.address, node.port)

    def raw(self, method: str, path: str, body: object = None) -> tuple[int, bytes]:
        """Status 0: there was no answer."""
        connection = http.client.HTTPConnection(self.address, self.port, timeout=self.patience)
        try:
            headers = {"Authorization": f"Bearer {ADMIN_TOKEN}", "Content-Type": "application/json"}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            return 0, b""
        finally:
            connection.close()

    def call(self, method: str, path: str, body: object = None) -> tuple[int, dict]:
        status, content = self.raw(method, path, body)
        # The proxy answers in HTML.
        return status, json.loads(content) if content[:1] == b"{" else {}

    def enrol(self, person: Person) -> tuple[int, dict]:
        body = {"name": person.key, "externalId": person.key, "image": person.image}
        return self.call("POST", f"{person.library.path}/people", body)

    def remove(self, person: Person, number: str) -> int:
        return self.call("DELETE", f"{person.library.path}/people/{number}")[0]

    def listed(self, person: Person) -> tuple[int, list[dict]]:
        status, found = self.call("GET", f"{person.library.path}/people?externalId={person.key}")
        return status, found.get("items", [])

    def search(self, person: Person) -> tuple[int, str | None]:
        """Returns the id under which a person is found."""
        status, found = self.call("POST", f"{person.library.path}/identify", {"image": person.image})
        matches = [match["person"] for face in found.get("faces", []) for match in face["matches"]]
        return status, next((match["id"] for match in matches if match["externalId"] == person.key), None)


class Run:
    """What the clients share."""

    def __init__(self, libraries: list[Library]):
        self.own, *self.vendors = libraries
        self.libraries, self.is_over = libraries, threading.Event()
        # Calls that were refused by 503.
        self.busy: set[Call] = set()

    @property
    def people(self) -> list[Person]:
        return [person for library in self.libraries for person in library.people]


class Client(threading.Thread):
    """Makes one call after the other."""

    def __init__(self, number: int, caller: Caller, run: Run, seed: str):
        super().__init__(name=f"client-{number}", daemon=True)
        self.caller, self.run_, self.random = caller, run, random.Random(f"{seed} client {number}")
        first = number // 2 * HOT_PEOPLE
        self.hot = run.own.people[first:first + HOT_PEOPLE]
        self.failures: list[str] = []
        self.counts: collections.Counter = collections.Counter()

    def run(self) -> None:
        try:
            while not self.run_.is_over.is_set():
                person = self.choose()
                roll = self.random.random()
                if roll < SEARCHES:
                    self.search(person)
                elif roll < SEARCHES + LISTS:
                    self.list(person)
                elif (person.present is None) != (self.random.random() < CONTRARY):
                    self.enrol(person)
                elif person.present or person.former:
                    self.remove(person, person.present or person.former)
        except Exception as error:  # Told by whoever waits for the thread.
            self.failures.append(f"{self.name}: {error!r}")

    def choose(self) -> Person:
        if self.random.random() < VENDORS:
            return self.random.choice(self.random.choice(self.run_.vendors).people)
        return self.random.choice(self.hot if self.random.random() < HOT else self.run_.own.people)

    def end(self, person: Person, call: Call, status: int, expected: tuple[int, ...], told: object) -> None:
        """Notes what a call was told. Without an answer that is taken for unknown."""
        self.counts[f"{call.kind}{'' if person.library is self.run_.own else ' at ' + person.library.engine} {status}"] += 1
        call.note = f"({self.name}, {status})" if status in expected else f"({self.name}, {status} after {time.monotonic() - call.begun:.3f} s)"
        if status not in (*expected, *NO_ANSWER):
            self.failures.append(f"{call.kind} of {person}: {status}")
        if status in expected:
            call.ended, call.told = time.monotonic(), told
        elif status == BUSY:
            self.run_.busy.add(call)
        if status >= 500:
            # As a client that minds the others.
            time.sleep(AFTER_FAILURE)

    def enrol(self, person: Person) -> None:
        call = Call("enrol", time.monotonic())
        person.calls.append(call)
        status, made = self.caller.enrol(person)
        self.end(person, call, status, (201, 409), made.get("id") if status == 201 else EXISTS)
        if call.told not in (UNKNOWN, EXISTS):
            person.present = call.told
        elif call.told == EXISTS and person.present is None:
            self.list(person)

    def remove(self, person: Person, number: str) -> None:
        call = Call("remove", time.monotonic(), about=number)
        person.calls.append(call)
        status = self.caller.remove(person, number)
        self.end(person, call, status, (204, 404), DONE if status == 204 else MISSING)
        if call.told != UNKNOWN and person.present == number:
            person.present, person.former = None, number

    def list(self, person: Person) -> None:
        call = Call("see", time.monotonic())
        status, found = self.caller.listed(person)
        self.end(person, call, status, (200,), found[0]["id"] if found else None)
        if len(found) > 1:
            self.failures.append(f"{person} is there {len(found)} times")
        if call.told != UNKNOWN:
            person.calls.append(call)
            person.present = call.told

    def search(self, person: Person) -> None:
        if person.library.engine == "koala":
            # It has no search here.
            return self.list(person)
        call = Call("see", time.monotonic(), stale=GRACE)
        status, found = self.caller.search(person)
        self.end(person, call, status, (200,), found)
        call.note += " search"
        # Who waits for a vendor's engine is not found yet.
        if call.told != UNKNOWN and (found or person.library is self.run_.own):
            person.calls.append(call)
