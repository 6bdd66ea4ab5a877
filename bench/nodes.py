#!/usr/bin/env python3
"""What nodes cost: writes, searches and signed calls on SQLite, and on PostgreSQL with 1, 2 and 4 nodes, all in one run.

    tools/with_postgres.py FOLDER bench/nodes.py PATH_OF_THE_AICP_BINARY

A write is answered once every node has followed it: what it takes longer than on one node is the lag of the changes. The nodes share this machine's
processors. The kinds of calls are made in turns, so that a busy moment of the machine meets all of them.

The lag of more nodes is simulated: a write waits for the slowest of them, and the lag of each is drawn from what one other node took here.
"""

import base64
import http.client
import json
import os
import pathlib
import random
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "security")]

import signers  # noqa: E402
from cluster import ADMIN_TOKEN, Node  # noqa: E402
from s3 import SECONDS  # noqa: E402

# Rounds, and calls of each kind in one.
ROUNDS, CALLS = 40, {"write": 10, "search": 2, "enrol": 2, "signed": 10, "plain": 10}
# Nodes beside the writing one whose lag is simulated, and draws.
SIMULATED, DRAWS = (3, 9, 99), 20_000


class Caller:
    """A connection to a node that is kept."""

    def __init__(self, node: Node):
        self.address = f"127.0.0.1:{node.port}"
        self.connection = http.client.HTTPConnection(self.address, timeout=SECONDS)

    def send(self, method: str, target: str, body: bytes | None, headers: dict) -> bytes:
        self.connection.request(method, target, body, headers)
        answer = self.connection.getresponse()
        content = answer.read()
        if answer.status >= 300:
            raise SystemExit(f"error: {method} {target}: {answer.status} {content[:300]}")
        return content

    def call(self, method: str, path: str, body: object = None) -> dict | None:
        headers = {"Authorization": f"Bearer {ADMIN_TOKEN}", "Content-Type": "application/json"}
        content = self.send(method, f"/api/v1{path}", None if body is None else json.dumps(body).encode(), headers)
        return json.loads(content) if content else None


def part(values: list[float], share: float) -> float:
    return sorted(values)[int(len(values) * share)]


def measure(binary: str, folder: pathlib.Path, nodes: int, database: str | None) -> dict[str, list[float]]:
    """Milliseconds of every call, by its kind."""
    settings = {"AICP_ADMIN_TOKEN": ADMIN_TOKEN, "AICP_MODELS_DIR": str(ROOT / "models")}
    if database:
        settings |= {"AICP_DATABASE__URL": database, "AICP_SECRET_KEY": "5a" * 32, "AICP_OBJECTS__URL": str(folder / "objects")}
    folder.mkdir()
    all_nodes = [Node(binary, folder / f"node{number}", settings) for number in range(nodes)]
    try:
        for node in all_nodes:
            node.start()
            node.wait()
        caller = Caller(all_nodes[0])
        library = caller.call("POST", "/libraries", {"name": f"nodes {folder.name}"})["id"]
        key = caller.call("POST", "/apps/admin/keys", {"kind": "jdcloud"})
        images = [base64.b64encode(path.read_bytes()).decode() for path in sorted((ROOT / "samples/people").rglob("*.jpg"))]

        def signed(_: int) -> None:
            target, headers = signers.jdcloud(key, caller.address, "getFaceGroupList", {"start": 0, "length": 1}, b"")
            caller.send("POST", target, b"", headers)

        kinds = {
            "write": lambda index: caller.call("PATCH", f"/libraries/{library}", {"description": str(index)}),
            "search": lambda index: caller.call("POST", f"/libraries/{library}/identify", {"image": images[index % len(images)]}),
            "enrol": lambda index: caller.call("POST", f"/libraries/{library}/people", {"name": "p", "image": images[index % len(images)]}),
            "signed": signed,
            "plain": lambda _: caller.call("GET", "/libraries?limit=1"),
        }
        taken = {kind: [] for kind in kinds}
        for index in range(ROUNDS):
            for kind, number in CALLS.items():
                for turn in range(number):
                    begun = time.perf_counter()
                    kinds[kind](index * number + turn)
                    taken[kind].append((time.perf_counter() - begun) * 1000)
        return taken
    finally:
        for node in all_nodes:
            node.stop()


def simulate(alone: list[float], with_one: list[float]) -> None:
    """Prints the lag behind a write as the nodes grow. The machine's own noise is in both lists, so the median of one is taken away."""
    lags = [max(0.0, taken - part(alone, 0.5)) for taken in with_one]
    for others in SIMULATED:
        slowest = [max(random.choices(lags, k=others)) for _ in range(DRAWS)]
        print(f"simulated, {others + 1:3} nodes: lag {part(slowest, 0.5):5.1f} ms, 99 in 100 within {part(slowest, 0.99):5.1f} ms")


def main() -> None:
    binary = sys.argv[1]
    server = os.environ["AICP_TEST_POSTGRES"].split()[0]
    results = {}
    with tempfile.TemporaryDirectory(prefix="aicp-nodes-") as name:
        print(f"{'milliseconds':20}" + "".join(f"{kind:>16}" for kind in CALLS) + "   search, enrolments/s against SQLite")
        for nodes, database in [(1, None), (1, server), (2, server), (4, server)]:
            folder = pathlib.Path(name) / f"{'postgres' if database else 'sqlite'}-{nodes}"
            found = measure(binary, folder, nodes, database)
            told = f"{'PostgreSQL' if database else 'SQLite'}, {nodes} node{'s' if nodes > 1 else ''}"
            base = results.setdefault("SQLite, 1 node", found)
            results[told] = found
            columns = "".join(f"{part(found[kind], 0.5):8.1f}{part(found[kind], 0.99):8.1f}" for kind in CALLS)
            ratios = [part(one["search"], 0.5) for one in (found, base)], [sum(one["enrol"]) for one in (base, found)]
            print(f"{told:20}{columns}" + "".join(f"{one / other:9.2f}" for one, other in ratios), flush=True)
    simulate(results["PostgreSQL, 1 node"]["write"], results["PostgreSQL, 2 nodes"]["write"])
    figures = {told: {kind: {"p50": part(found[kind], 0.5), "p99": part(found[kind], 0.99)} for kind in CALLS} for told, found in results.items()}
    print(json.dumps({"milliseconds": figures}))


if __name__ == "__main__":
    main()
