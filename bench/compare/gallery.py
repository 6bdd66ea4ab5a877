"""How long one search takes, side by side, each on the same single core, over the same templates.

AICP writes templates, probes and the five nearest templates of each probe (by brute force in single precision) into a folder
and then searches in turns with faiss, usearch and PostgreSQL with pgvector, and with itself when it stores whole templates.
Recall stands beside speed: the share of the one and the five nearest that are found, and of the nearest where the probe is of
somebody in the library. Templates have the spectrum of faces; once more they are random directions, which no faces have.
"""

import argparse
import datetime
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

# One thread each, before any of them is loaded.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import faiss
import numpy as np
from usearch.index import Index, MetricKind, search as usearch_exact

PLACES = 5
BATCH = 64
CORES = sorted(os.sched_getaffinity(0))
CORE = CORES[-1]


class Aicp:
    """A gallery of AICP in a process of its own that searches when told."""

    def __init__(self, program, people, probes, options, folder):
        self.process = subprocess.Popen(
            [program, "bench", "gallery", "--people", str(people), "--probes", str(probes), "--writes-per-second", "0"]
            + options + (["--export", folder] if folder else []) + ["--in-turns", "--json"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"aicp bench gallery ended with {self.process.wait()}")
        self.report = json.loads(line)
        # It searches on its first thread.
        os.sched_setaffinity(self.process.pid, {CORE})

    def times(self, count, together=1):
        order = f"alone {count}" if together == 1 else f"together {count} {together}"
        self.process.stdin.write(order + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait(60)


class Whole(Aicp):
    """AICP with whole templates in memory, as in a small library."""

    name = "AICP, whole templates (8 bit, then exact)"

    def __init__(self, program, people, probes, options):
        super().__init__(program, people, probes, options + ["--large-library-faces", "0"], None)
        self.build_s, self.ms, self.batch_ms = self.report["load_s"], [], []

    def times(self, _, count, together=1):
        return super().times(count, together)

    def recall(self, _, __):
        return self.report["recall_at_1"], self.report["recall_at_5"], self.report["exactness"]["mates"]["recall_at_1"]


class Tool:
    """Something that is compared: `find` gives rows, best first, for a matrix of probes."""

    def __init__(self, name, find, build_s=0.0, note=None):
        self.name, self.find, self.build_s, self.note = name, find, build_s, note
        self.ms, self.batch_ms = [], []

    def times(self, probes, count, together=1):
        each = []
        for number in range(count):
            start = number * together % max(1, len(probes) - together)
            asked = probes[start : start + together]
            begun = time.perf_counter()
            self.find(asked)
            each.append((time.perf_counter() - begun) * 1000)
        return each

    def recall(self, probes, nearest):
        found = np.vstack([self.find(probes[start : start + BATCH]) for start in range(0, len(probes), BATCH)])
        at_1 = float((found[:, 0] == nearest[:, 0]).mean())
        at_5 = float(np.mean([len(set(ours) & set(truth)) / PLACES for ours, truth in zip(found, nearest)]))
        # Every other probe is of somebody in the library.
        known = float((found[::2, 0] == nearest[::2, 0]).mean())
        return at_1, at_5, known


def faiss_flat(templates):
    faiss.omp_set_num_threads(1)
    begun = time.perf_counter()
    index = faiss.IndexFlatIP(templates.shape[1])
    index.add(templates)
    built = time.perf_counter() - begun
    return Tool("faiss IndexFlatIP (f32, exact)", lambda probes: index.search(probes, PLACES)[1], built)


def faiss_scalar(templates):
    faiss.omp_set_num_threads(1)
    begun = time.perf_counter()
    index = faiss.IndexScalarQuantizer(
        templates.shape[1], faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
    )
    index.train(templates[:100_000])
    index.add(templates)
    built = time.perf_counter() - begun
    return Tool("faiss ScalarQuantizer (8 bit)", lambda probes: index.search(probes, PLACES)[1], built)


def usearch_flat(templates):
    def find(probes):
        return usearch_exact(templates, probes, PLACES, MetricKind.IP, exact=True, threads=1).keys.reshape(-1, PLACES)

    return Tool("usearch (f32, exact)", find)


def usearch_hnsw(templates, dtype):
    begun = time.perf_counter()
    index = Index(ndim=templates.shape[1], metric=MetricKind.IP, dtype=dtype)
    index.add(np.arange(len(templates)), templates, threads=len(CORES))
    built = time.perf_counter() - begun

    def find(probes):
        return index.search(probes, PLACES, threads=1).keys.reshape(-1, PLACES)

    return Tool(f"usearch HNSW ({dtype}, approximate)", find, built)


class Postgres:
    """A database of its own with pgvector, in one folder."""

    def __init__(self, folder, templates):
        import pgserver
        import psycopg2

        self.server = pgserver.get_server(folder, cleanup_mode="stop")
        self.connection = psycopg2.connect(self.server.get_uri())
        self.connection.autocommit = True
        self.cursor = self.connection.cursor()
        for sql in (
            "CREATE EXTENSION vector",
            f"CREATE UNLOGGED TABLE face (id int PRIMARY KEY, template vector({templates.shape[1]}) NOT NULL)",
            "ALTER TABLE face ALTER template SET STORAGE PLAIN",
            "SET maintenance_work_mem = '2GB'",
            "SET max_parallel_workers_per_gather = 0",
        ):
            self.cursor.execute(sql)
        begun = time.perf_counter()
        self.cursor.copy_expert("COPY face FROM STDIN WITH (FORMAT binary)", Rows(templates))
        self.cursor.execute("VACUUM ANALYZE face")
        self.load_s = time.perf_counter() - begun

    def find(self, probes):
        rows = []
        for probe in probes:
            text = "[" + ",".join(map(repr, probe.tolist())) + "]"
            self.cursor.execute(f"SELECT id FROM face ORDER BY template <#> %s::vector LIMIT {PLACES}", (text,))
            found = [row[0] for row in self.cursor.fetchall()]
            rows.append(found + [-1] * (PLACES - len(found)))
        return np.array(rows)

    def exact(self):
        return Tool("pgvector (f32, exact)", self.find, self.load_s)

    def hnsw(self):
        begun = time.perf_counter()
        self.cursor.execute("CREATE INDEX ON face USING hnsw (template vector_ip_ops)")
        built = time.perf_counter() - begun
        return Tool("pgvector HNSW (f32, approximate)", self.find, self.load_s + built)

    def close(self):
        self.connection.close()
        self.server.cleanup()


class Rows:
    """Templates in the binary format of COPY, as a file to be read."""

    def __init__(self, templates):
        self.pieces, self.rest = self.make(templates), b""

    @staticmethod
    def make(templates):
        yield b"PGCOPY\n\xff\r\n\0" + bytes(8)
        dimensions = templates.shape[1]
        head = np.dtype([("fields", ">i2"), ("l1", ">i4"), ("id", ">i4"), ("l2", ">i4"), ("n", ">i2"), ("zero", ">i2")])
        record = np.dtype(head.descr + [("template", ">f4", (dimensions,))])
        for start in range(0, len(templates), 4096):
            part = templates[start : start + 4096]
            rows = np.zeros(len(part), record)
            rows["fields"], rows["l1"], rows["l2"], rows["n"] = 2, 4, 4 + 4 * dimensions, dimensions
            rows["id"] = np.arange(start, start + len(part))
            rows["template"] = part
            yield rows.tobytes()
        yield b"\xff\xff"

    def read(self, size=-1):
        while size < 0 or len(self.rest) < size:
            piece = next(self.pieces, None)
            if piece is None:
                break
            self.rest += piece
        given, self.rest = (self.rest, b"") if size < 0 else (self.rest[:size], self.rest[size:])
        return given


def in_turns(aicp, tools, probes, rounds, alone, batches):
    """Lets all of them search in turns and keeps the times; AICP's own come back."""
    ours, ours_batch = [], []
    for _ in range(rounds):
        ours += aicp.times(alone)
        for tool in tools:
            tool.ms += tool.times(probes, alone)
        if batches:
            ours_batch += aicp.times(batches, BATCH)
            for tool in tools:
                tool.batch_ms += tool.times(probes, batches, BATCH)
    return ours, ours_batch


def row(each, batch, ours, ours_batch, recall, build_s):
    line = {
        "p50_ms": statistics.median(each),
        "best_ms": min(each),
        "times_aicp": statistics.median(each) / statistics.median(ours),
        "recall_at_1": recall[0],
        "recall_at_5": recall[1],
        "recall_at_1_of_known": recall[2],
        "build_s": build_s,
    }
    if batch:
        line["probes_per_second_of_64"] = BATCH / statistics.median(batch) * 1000
        line["times_aicp_of_64"] = statistics.median(batch) / statistics.median(ours_batch)
    return line


def compare(arguments, people, makers, alone, batches, options=()):
    """Compares at one size; `makers` make the tools from the templates, one group at a time."""
    folder = arguments.scratch / str(people)
    aicp = Aicp(arguments.aicp, people, arguments.probes, list(options), folder)

    def whole(_):
        itself = Whole(arguments.aicp, people, arguments.probes, list(options))
        yield itself, itself.close

    makers = [whole, *makers]
    templates = np.memmap(folder / "templates.f32", np.float32, "r").reshape(people, -1)
    probes = np.fromfile(folder / "probes.f32", np.float32).reshape(-1, templates.shape[1])
    nearest = np.fromfile(folder / "nearest.i32", np.int32).reshape(-1, PLACES)
    tools = {}
    report = aicp.report
    all_ours, all_ours_batch = [], []
    for make in makers:
        # Built with all cores, asked on one.
        os.sched_setaffinity(0, CORES)
        print(f"{people}: {make.__name__}", file=sys.stderr, flush=True)
        for tool, close in make(templates):
            os.sched_setaffinity(0, {CORE})
            rounds = arguments.rounds
            slow = tool.times(probes, 2)[-1] > 500
            ours, ours_batch = in_turns(aicp, [tool], probes, rounds, 2 if slow else alone, 0 if slow else batches)
            asked = 50 if slow else len(nearest)
            recall = tool.recall(probes[:asked], nearest[:asked])
            tools[tool.name] = row(tool.ms, tool.batch_ms, ours, ours_batch, recall, tool.build_s)
            all_ours += ours
            all_ours_batch += ours_batch
            close()
    aicp.close()
    recall = report["recall_at_1"], report["recall_at_5"], report["exactness"]["mates"]["recall_at_1"]
    ours = row(all_ours, all_ours_batch, all_ours, all_ours_batch, recall, report["load_s"])
    shutil.rmtree(folder)
    return {"machine": report["machine"], "aicp": report, "tools": {"AICP (heads, then exact)" if report["rotated"] else "AICP (8 bit, then exact)": ours} | tools}


def nothing():
    pass


def flats(templates):
    yield faiss_flat(templates), nothing
    yield faiss_scalar(templates), nothing
    yield usearch_flat(np.ascontiguousarray(templates)), nothing


def flat(templates):
    yield faiss_flat(templates), nothing


def graphs(templates):
    for dtype in ("f32", "i8"):
        yield usearch_hnsw(templates, dtype), nothing


def postgres_in(folder):
    def postgres(templates):
        shutil.rmtree(folder, ignore_errors=True)
        server = Postgres(folder, templates)
        yield server.exact(), nothing
        yield server.hnsw(), nothing
        server.close()
        shutil.rmtree(folder, ignore_errors=True)

    return postgres


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--aicp", type=pathlib.Path, required=True)
    parser.add_argument("--scratch", type=pathlib.Path, default=pathlib.Path("bench/scratch"))
    parser.add_argument("--people", type=int, default=1_000_000, help="templates that are searched exactly")
    parser.add_argument("--indexed", type=int, default=100_000, help="templates that indexes are built of")
    parser.add_argument("--probes", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    arguments.scratch.mkdir(parents=True, exist_ok=True)
    arguments.scratch = arguments.scratch.resolve()

    sizes = {
        arguments.people: compare(arguments, arguments.people, [flats], 10, 2),
        arguments.indexed: compare(
            arguments, arguments.indexed, [flats, graphs, postgres_in(arguments.scratch / "postgres")], 50, 4
        ),
        f"{arguments.people}-random": compare(arguments, arguments.people, [flat], 10, 2, ["--random"]),
    }
    report = {
        "measured": datetime.date.today().isoformat(),
        "machine": sizes[arguments.people].pop("machine"),
        "threads": 1,
        "places": PLACES,
        "sizes": {str(people): size["tools"] for people, size in sizes.items()},
        "aicp": {str(people): size["aicp"] for people, size in sizes.items()},
    }
    arguments.out.write_text(json.dumps(report, indent=2) + "\n")
    for people, tools in report["sizes"].items():
        print(f"{people + ' templates, 1 thread':<38}{'p50 ms':>10}{'x AICP':>10}{'64: /s':>10}{'@1':>8}{'@5':>8}{'@1 known':>10}{'built s':>9}")
        for name, tool in tools.items():
            batch = f"{tool['probes_per_second_of_64']:.0f}" if "probes_per_second_of_64" in tool else ""
            print(
                f"{name:<38}{tool['p50_ms']:>10.2f}{tool['times_aicp']:>10.1f}{batch:>10}"
                f"{tool['recall_at_1']:>8.4f}{tool['recall_at_5']:>8.4f}"
                f"{tool['recall_at_1_of_known']:>10.4f}{tool['build_s']:>9.1f}"
            )
        print()


if __name__ == "__main__":
    main()
