"""How long a face takes from file to embedding, side by side, each on the same single core.

AICP, face_recognition (dlib), face-api (TensorFlow.js, WebAssembly) and a Python pipeline on onnxruntime with our models take
turns. Whether each takes two pictures of one person for the same, and another person for another, is looked at too: nobody
should be fast and wrong.
"""

import argparse
import datetime
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
# One thread each, before any of them is loaded.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"
CORE = max(os.sched_getaffinity(0))
os.sched_setaffinity(0, {CORE})


class Dlib:
    name = "face_recognition (dlib)"
    same_below = 0.6

    def __init__(self):
        import face_recognition

        self.library = face_recognition
        self.version = face_recognition.__version__

    def __call__(self, path):
        return self.library.face_encodings(self.library.load_image_file(path))

    @staticmethod
    def distance(a, b):
        return float(((a - b) ** 2).sum() ** 0.5)


class FaceApi:
    name = "face-api (TensorFlow.js, wasm)"
    same_below = 0.6

    def __init__(self):
        self.process = subprocess.Popen(
            ["node", HERE / "faceapi.mjs"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.version = json.loads(self.process.stdout.readline())["version"]

    def times(self, path, times):
        self.process.stdin.write(json.dumps({"picture": str(path), "times": times}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    @staticmethod
    def distance(a, b):
        return sum((x - y) ** 2 for x, y in zip(a, b)) ** 0.5

    def close(self):
        self.process.stdin.close()
        self.process.wait(20)


def times_of(tool, path, times):
    """Milliseconds of each run, and the embeddings of the faces found."""
    if isinstance(tool, FaceApi):
        answer = tool.times(path, times)
        return answer["ms"], [answer["descriptor"]] if answer["faces"] else []
    each, faces = [], []
    for _ in range(times):
        begun = time.perf_counter()
        faces = tool(str(path))
        each.append((time.perf_counter() - begun) * 1000)
    return each, faces


def aicp_times(aicp, path, times):
    answer = subprocess.run(
        [aicp, "bench", "vision", "--picture", path, "--iterations", str(times), "--json"],
        check=True, stdout=subprocess.PIPE,
    )
    return json.loads(answer.stdout)


def aicp_agrees(aicp, a, b):
    answer = subprocess.run([aicp, "compare", a, b, "--json"], check=True, stdout=subprocess.PIPE)
    return json.loads(answer.stdout)["same_person"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--aicp", type=pathlib.Path, required=True)
    parser.add_argument("--models", type=pathlib.Path, default=pathlib.Path("models"))
    parser.add_argument("--people", type=pathlib.Path, default=pathlib.Path("samples/people"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    os.environ["AICP_MODELS_DIR"] = str(arguments.models)

    from pipeline import Pipeline

    picture = arguments.people / "obama/obama.jpg"
    same, other = arguments.people / "obama/obama2.jpg", arguments.people / "biden/biden.jpg"
    pipeline = Pipeline(arguments.models)
    pipeline.version = __import__("onnxruntime").__version__
    tools = [pipeline, FaceApi(), Dlib()]
    results = {}
    for tool in tools:
        # Warms up, too.
        faces = [times_of(tool, path, 2)[1][0] for path in (picture, same, other)]
        results[tool.name] = {
            "version": tool.version,
            "same_person_is_same": tool.distance(faces[0], faces[1]) < tool.same_below,
            "other_person_is_other": tool.distance(faces[0], faces[2]) >= tool.same_below,
            "ms": [],
        }
    ours = {
        "version": subprocess.run([arguments.aicp, "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip(),
        "same_person_is_same": aicp_agrees(arguments.aicp, picture, same),
        "other_person_is_other": not aicp_agrees(arguments.aicp, picture, other),
        "rounds": [],
    }
    for _ in range(arguments.rounds):
        ours["rounds"].append(aicp_times(arguments.aicp, picture, 40))
        for tool in tools:
            times = 20 if tool is pipeline else 4
            results[tool.name]["ms"] += times_of(tool, picture, times)[0]
    tools[1].close()

    machine = ours["rounds"][0]["machine"]
    medians = [report["whole"]["p50_ms"] for report in ours.pop("rounds")]
    aicp_ms = statistics.median(medians)
    tools = {"AICP": ours | {"p50_ms": aicp_ms, "best_ms": min(medians), "times_aicp": 1.0}}
    for name, result in results.items():
        each = result.pop("ms")
        median = statistics.median(each)
        tools[name] = result | {"p50_ms": median, "best_ms": min(each), "times_aicp": median / aicp_ms}
    report = {
        "measured": datetime.date.today().isoformat(),
        "machine": machine,
        "picture": "obama.jpg, 910x1137",
        "threads": 1,
        "tools": tools,
    }
    arguments.out.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    print(f"{'file to embedding, 1 thread':<46}{'p50 ms':>10}{'best ms':>10}{'x AICP':>12}{'right':>8}")
    for name, tool in tools.items():
        right = "yes" if tool["same_person_is_same"] and tool["other_person_is_other"] else "NO"
        print(f"{name:<46}{tool['p50_ms']:>10.1f}{tool['best_ms']:>10.1f}{tool['times_aicp']:>12.1f}{right:>8}")
    if any(not (tool["same_person_is_same"] and tool["other_person_is_other"]) for tool in tools.values()):
        sys.exit("somebody is wrong about who is who")


if __name__ == "__main__":
    main()
