#!/usr/bin/env python3
"""Show the platform at work on the sample pictures, through HTTP only.

Starts a server of its own on a free loopback port with an empty data folder, enrols every person of
samples/people, asks who is on the other pictures, prints a table and writes every picture with its faces marked to
demo/out. Needs nothing but Python's standard library.
"""

import base64
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import unicodedata
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
AICP = ROOT / "target" / "release" / "aicp"
SAMPLES = ROOT / "samples"
OUT = ROOT / "demo" / "out"
TOKEN = "demo-token-for-loopback"
START_SECONDS = 30


class Server:
    """`aicp serve` on a free port, with a throw-away data folder."""

    def __enter__(self) -> "Server":
        self.data = tempfile.mkdtemp(prefix="aicp-demo-")
        environment = os.environ | {
            "AICP_ADMIN_TOKEN": TOKEN,
            "AICP_MODELS_DIR": str(ROOT / "models"),
            "AICP_LOG__FORMAT": "json",
        }
        command = [AICP, "serve", "--data-dir", self.data, "--listen", "127.0.0.1:0"]
        self.process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
        self.base = f"http://{self.find_address()}"
        return self

    def find_address(self) -> str:
        for line in self.process.stderr:
            if not line.startswith("{"):
                raise SystemExit(f"the server did not start: {line.strip()}")
            fields = json.loads(line)["fields"]
            if fields["message"] == "listening":
                return fields["address"]
        raise SystemExit("the server did not start")

    def call(self, path: str, **body) -> dict:
        """One call as section 7 of the AICP manual has it; its data, or an error."""
        request = urllib.request.Request(
            f"{self.base}/aicp/face/{path}",
            json.dumps(body).encode(),
            {"Content-Type": "application/json", "token": TOKEN},
        )
        with urllib.request.urlopen(request, timeout=START_SECONDS) as response:
            answer = json.load(response)
        if not answer["flag"]:
            raise RuntimeError(answer["message"])
        return answer["data"]

    def __exit__(self, *_):
        self.process.terminate()
        self.process.stderr.read()
        self.process.wait()
        shutil.rmtree(self.data)


def encoded(picture: pathlib.Path) -> str:
    return base64.b64encode(picture.read_bytes()).decode()


def table(rows: list[tuple[str, ...]]) -> None:
    """Print rows in columns; wide characters count as two."""

    def width(text: str) -> int:
        return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)

    widths = [max(width(row[i]) for row in rows) for i in range(len(rows[0]))]
    for number, row in enumerate(rows):
        print("  ".join(cell + " " * (w - width(cell)) for cell, w in zip(row, widths)).rstrip())
        if number == 0:
            print("  ".join("-" * w for w in widths))


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    rows = [("picture", "faces", "who", "score", "ms")]
    with Server() as server:
        server.call("addBase", groupId="demo", dbName="Demo")
        people: dict[str, str] = {}
        # One picture a person is enrolled; their others are asked about.
        for folder in sorted((SAMPLES / "people").iterdir()):
            first = sorted(folder.iterdir())[0]
            person = server.call("add", groupId="demo", name=folder.name, image=encoded(first))
            people[person["personNo"]] = folder.name
            print(f"enrolled {folder.name} from {first.relative_to(SAMPLES)}")
        # Of a group photo the largest face is enrolled: identify-many then knows one of the group.
        group = SAMPLES / "groups" / "sample5.jpg"
        person = server.call("add", groupId="demo", name="guest", image=encoded(group))
        people[person["personNo"]] = "guest"
        print(f"enrolled guest, the largest face of {group.relative_to(SAMPLES)}")
        print()
        pictures = [p for kind in ("people", "probes", "groups") for p in sorted((SAMPLES / kind).rglob("*.*"))]
        for picture in pictures:
            begun = time.perf_counter()
            found = server.call("recognitionmn", groupId="demo", image=encoded(picture))["records"]
            took = f"{(time.perf_counter() - begun) * 1000:.0f}"
            hits = [hit for face in found for hit in face]
            who = ", ".join(people[hit["personNo"]] for hit in hits) or "nobody enrolled"
            score = ", ".join(f"{hit['score']:.1f}" for hit in hits)
            rows.append((str(picture.relative_to(SAMPLES)), str(len(found)), who, score, took))
    table(rows)
    for picture in pictures:
        marked = OUT / f"{picture.stem}.png"
        command = [AICP, "detect", picture, "--out", marked]
        environment = os.environ | {"AICP_MODELS_DIR": str(ROOT / "models")}
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    print(f"\n{len(pictures)} marked pictures are in {OUT.relative_to(ROOT)}")


if __name__ == "__main__":
    sys.exit(main())
