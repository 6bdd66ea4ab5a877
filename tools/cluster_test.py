#!/usr/bin/env python3
"""Tortures a cluster: eight clients enrol, remove and look for the same people at once while nodes are killed, stopped and cut off, the leader of
the database is killed and its standby takes over, the S3 server is killed, and vendors' engines are killed and lose answers.

    cluster_test.py PATH_OF_THE_AICP_BINARY [SECONDS [SEED]]

Needs root. `aicp-engine-simulator` must be in the same folder as the binary. The seed, which is printed, decides which faults are made.

Checks the recorded calls afterwards: there must be an order of the calls about each person that explains every answer. No id may be given twice, no
picture may be lost, and a vendor's engine must have each write once, or show that it is in doubt. Ends with 1 if something is wrong.
"""

import collections
import concurrent.futures
import datetime
import hashlib
import itertools
import pathlib
import random
import signal
import sys
import tempfile
import time

import cluster_engines
import history
from cluster import ROOT, Cluster, Node
from cluster_clients import CLIENTS, Caller, Client, Library, Person, Run
from cluster_engines import VENDORS, Engine
from cluster_faults import LONGEST, Faults
from cluster_net import Network, OpenGroup, enter
from history import UNKNOWN, Call

NODES = 3
# Numbers of people: in the library of the built-in engine, and in those of the vendors.
PEOPLE, OF_VENDORS = 48, {"cloudwalk": 6, "koala": 6}


def make_libraries(caller: Caller, pictures: list[pathlib.Path]) -> list[Library]:
    numbers = {}
    for engine in ("builtin", *VENDORS):
        status, made = caller.call("POST", "/api/v1/libraries", {"name": engine, "engine": engine})
        if status != 201:
            raise SystemExit(f"error: no library: {status} {made}")
        numbers[engine] = made["id"]
    # Some show no face that can be enrolled.
    tried = Library("builtin", numbers["builtin"], pictures).people
    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        fit = [path for path, is_fit in zip(pictures, pool.map(lambda person: can_be_enrolled(caller, person), tried)) if is_fit]
    return [Library(engine, number, fit[: OF_VENDORS.get(engine, PEOPLE)]) for engine, number in numbers.items()]


def can_be_enrolled(caller: Caller, person: Person) -> bool:
    status, made = caller.enrol(person)
    if status == 201:
        caller.remove(person, made["id"])
    return status == 201


def check_histories(run: Run) -> list[str]:
    """Wing and Gong, for each person."""
    wrong = []
    for person in run.people:
        strict = [call for call in person.calls if call not in run.busy]
        try:
            found = history.first_wrong(strict)
            unexplained = found and history.first_wrong(person.calls)
        except history.TooMany as error:
            wrong.append(f"the calls about {person} can't be checked: {error}")
            continue
        if unexplained:
            wrong.append(f"no order explains the calls about {person}:\n{history.describe(person.calls, unexplained)}")
        elif found:
            wrong.append(f"a call about {person} was answered 503, and was done:\n{history.describe(person.calls, found)}")
    given = [call.told for person in run.people for call in person.calls if call.kind == "enrol" and call.told not in (UNKNOWN, history.EXISTS)]
    return wrong + [f"id {one} was given {number} times" for one, number in collections.Counter(given).items() if number > 1]


def check_end(run: Run, cluster: Cluster) -> list[str]:
    """Asks each node about each person. What it says is recorded, too."""
    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        found = pool.map(lambda pair: check_person(run, *pair), itertools.product(cluster.nodes, run.people))
        return [one for wrong in found for one in wrong]


def check_person(run: Run, node: Node, person: Person) -> list[str]:
    caller, name, wrong = Caller.of(node), node.folder.name, []
    call = Call("see", time.monotonic(), note=f"({name} at the end)")
    status, found = caller.listed(person)
    if status != 200:
        return [f"{name}: {status} for {person}"]
    call.ended, call.told = time.monotonic(), found[0]["id"] if found else None
    person.calls.append(call)
    if len(found) > 1:
        wrong.append(f"{name}: {person} is there {len(found)} times")
    for one in found:
        if picture_of(caller, person, one["id"]) != person.sha256:
            wrong.append(f"{name}: the picture of {person} is lost")
    if person.library is run.own:
        status, number = caller.search(person)
        if (status, number) != (200, call.told):
            wrong.append(f"{name}: the search for {person} says {status} {number}, the list {call.told}")
    return wrong


def picture_of(caller: Caller, person: Person, number: str) -> str:
    """Returns the hash of a person's picture."""
    path = f"{person.library.path}/people/{number}"
    _, whole = caller.call("GET", path)
    faces = whole.get("faces", [])
    return hashlib.sha256(caller.raw("GET", f"{path}/faces/{faces[0]['id']}/picture")[1]).hexdigest() if faces else "no face"


def torture(run: Run, faults: Faults, caller: Caller, seconds: float, seed: str) -> list[str]:
    cluster, clients = faults.cluster, [Client(number, caller, run, seed) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    faults.run(seconds)
    run.is_over.set()
    for client in clients:
        client.join(LONGEST)
    print("faults:", *(f"{number} × {kind}" for kind, number in sorted(faults.made.items())), sep="\n  ")
    print("longest, in seconds:", ", ".join(f"{kind} {seconds:.1f}" for kind, seconds in sorted(faults.longest.items())))
    counts = sum((client.counts for client in clients), collections.Counter())
    print("calls:", *(f"{number} × {kind}" for kind, number in sorted(counts.items())), sep="\n  ", flush=True)
    wrong = faults.wrong + [f"no end of {client.name}" for client in clients if client.is_alive()]
    if wrong:
        return wrong
    wrong += cluster_engines.check(cluster.nodes, faults.engines, run.vendors)
    wrong += check_end(run, cluster) + check_histories(run)
    wrong += [failure for client in clients for failure in client.failures]
    calls = [call for person in run.people for call in person.calls]
    unknown = sum(call.told == UNKNOWN for call in calls)
    print(f"{len(run.people)} histories of {len(calls)} calls, {unknown} of them with an unknown outcome: {len(wrong)} wrong")
    return wrong


def keep(folder: pathlib.Path, run: Run, cluster: Cluster, engines: list[Engine]) -> None:
    """Keeps what is needed to find out why something is wrong."""
    for node in cluster.nodes:
        (folder / f"{node.folder.name}.log").write_text((node.folder / "log").read_text())
    for engine in engines:
        (folder / f"{engine.vendor}.jsonl").write_text((engine.folder / "journal.jsonl").read_text())
    # The clocks of calls and logs.
    lines = [f"{time.monotonic():.3f} is {datetime.datetime.now(datetime.timezone.utc)}"]
    for person in run.people:
        lines.append(f"{person} {person.sha256}")
        calls = sorted(person.calls, key=lambda call: call.begun)
        lines += [f"  {call.begun:.3f} {call.ended:.3f} {call.kind} {call.about or ''} -> {call.told} {call.note}" for call in calls]
    (folder / "calls").write_text("\n".join(lines))
    print(f"logs, journals and calls: {folder}")


def main() -> int:
    enter()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    binary, seconds = pathlib.Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 60
    seed = sys.argv[3] if len(sys.argv) > 3 else str(random.SystemRandom().getrandbits(32))
    print(f"seed {seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="aicp-cluster-") as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        network, engines = Network(), [Engine(str(binary.with_name("aicp-engine-simulator")), vendor, folder) for vendor in VENDORS]
        settings = {name: value for engine in engines for name, value in engine.settings(network.host).items()}
        database = cluster = faults = None
        try:
            for engine in engines:
                engine.start()
            database = OpenGroup(folder).start()
            cluster = Cluster(str(binary), folder, database.url, NODES, settings | {"AICP_LEGACY__ANONYMOUS": "false"}, place=network)
            cluster.spread(folder)
            caller = Caller("127.0.0.1", cluster.proxy.port)
            run = Run(make_libraries(caller, sorted((ROOT / "samples/strangers").rglob("*.jpg"))))
            faults = Faults(cluster, network, database, engines, run.people[0], seed)
            wrong = torture(run, faults, caller, seconds, seed)
            if wrong:
                print(*dict.fromkeys(wrong[:40]), sep="\n")
                keep(pathlib.Path(tempfile.mkdtemp(prefix="aicp-cluster-wrong-")), run, cluster, engines)
            return 1 if wrong else 0
        finally:
            if faults:
                faults.is_over.set()
            for one in (cluster, database, *engines):
                if one:
                    one.stop()


if __name__ == "__main__":
    sys.exit(main())
