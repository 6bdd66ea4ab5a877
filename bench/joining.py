#!/usr/bin/env python3
"""How soon a node with an empty data folder answers that joins a database with many people, with pictures in S3.

    tools/with_postgres.py FOLDER bench/joining.py PATH_OF_THE_AICP_BINARY PATH_OF_THE_AICP_BENCH_BINARY [PEOPLE]

The first node reads every template from PostgreSQL, and writes the file of the library for the others; the second one reads that. SQLite is
measured beside them, in the same run.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tools"))

from cluster import ADMIN_TOKEN, Node
from s3 import KEYS, ROOT, Bucket, make_bucket

# Wait for the file of the library.
FILE_SECONDS = 300
BUCKET = "pictures"


def start(node: Node) -> float:
    """Seconds from the start of the process until it is ready."""
    begun = time.perf_counter()
    node.start()
    while not node.is_ready():
        if node.process.poll() is not None:
            raise SystemExit((node.folder / "log").read_text()[-3000:])
        time.sleep(0.005)
    return time.perf_counter() - begun


def memory(node: Node) -> float:
    """Resident memory in MB."""
    status = pathlib.Path(f"/proc/{node.process.pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:"))) / 1000


def has_file(folder: pathlib.Path) -> bool:
    return any(folder.glob("*.gallery"))


def wait_for_file(node: Node) -> None:
    for _ in range(FILE_SECONDS * 10):
        if has_file(node.folder / "data/galleries"):
            return
        time.sleep(0.1)
    raise SystemExit(f"error: the file of the library is not written: {(node.folder / 'log').read_text()[-3000:]}")


def wait_for_row(database: str) -> None:
    """Waits until the database knows the file, so that a node that joins reads it."""
    (psql,) = (ROOT / "conformance/.packages/postgres").rglob("bin/psql")
    for _ in range(FILE_SECONDS * 10):
        found = subprocess.run([psql, "--no-psqlrc", "-tAc", "SELECT COUNT(*) FROM gallery_file", database], capture_output=True, text=True)
        if found.stdout.strip() == "1":
            return
        time.sleep(0.1)
    raise SystemExit("error: the database does not know the file of the library")


def faces(node: Node) -> int:
    """How many faces the node searches."""
    with urllib.request.urlopen(f"{node.url}/metrics", timeout=60) as answer:
        lines = answer.read().decode().splitlines()
    return int(float(next(line.split()[1] for line in lines if line.startswith("aicp_gallery_faces "))))


def main() -> None:
    binary, bench, people = sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 1_000_000
    database = os.environ["AICP_TEST_POSTGRES"].split()[0]
    with tempfile.TemporaryDirectory(prefix="aicp-joining-", dir=ROOT / "bench/scratch") as name, Bucket(pathlib.Path(name)) as bucket:
        folder = pathlib.Path(name)
        make_bucket(bucket, BUCKET)
        base = {"AICP_ADMIN_TOKEN": ADMIN_TOKEN, "AICP_MODELS_DIR": str(ROOT / "models"), "AICP_SECRET_KEY": "5a" * 32}
        of_nodes = base | {
            "AICP_DATABASE__URL": database,
            "AICP_OBJECTS__URL": f"s3://{BUCKET}?endpoint={bucket.url}",
            "AICP_OBJECTS__ACCESS_KEY": KEYS["accessKey"],
            "AICP_OBJECTS__SECRET_KEY": KEYS["secretKey"],
        }
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AICP_")}
        alone = Node(binary, folder / "sqlite", base)
        data = str(folder / "sqlite/data")
        subprocess.run([bench, "people", data, "--people", str(people)], check=True, cwd=ROOT, env=environment)
        copy = [binary, "store", "copy", f"sqlite:{data}", database]
        subprocess.run(copy, check=True, cwd=ROOT, env=environment | of_nodes, stdout=subprocess.DEVNULL)
        results, nodes = {}, []
        try:
            nodes.append(alone)
            results["SQLite, without file"] = start(alone)
            wait_for_file(alone)
            alone.stop()
            results["SQLite, with file"] = start(alone)
            alone.stop()
            for number, kind in enumerate(["PostgreSQL, without file", "PostgreSQL, with the file in S3"]):
                node = Node(binary, folder / f"node{number}", of_nodes)
                nodes.append(node)
                results[kind] = start(node)
                if faces(node) != people:
                    raise SystemExit(f"error: {faces(node)} faces")
                wait_for_row(database)
            size = next((folder / "node1/data/galleries").glob("*.gallery")).stat().st_size
            for kind, seconds in results.items():
                print(f"{kind:34}{seconds:7.2f} s")
            print(f"{people} people; file {size / 1e6:.0f} MB; memory of the joined node {memory(nodes[-1]):.0f} MB")
            print(json.dumps({"people": people, "file_bytes": size, "seconds": results}))
        finally:
            for node in nodes:
                node.stop()


if __name__ == "__main__":
    main()
