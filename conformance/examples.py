#!/usr/bin/env python3
"""Run the examples of docs/api.md, as printed, against a new server.

Usage: conformance/examples.py PATH_OF_THE_AICP_BINARY

Prints one line of counts. Ends with 1 at the first example that fails, after its output.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

from run import ADMIN_TOKEN, ROOT, Server

EXAMPLE = re.compile(r"^```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMANDS = {"sh": ["sh", "-eu"], "python": [sys.executable]}
SECONDS = 60


def run(kind: str, text: str, environment: dict[str, str], folder: pathlib.Path) -> bool:
    """Runs an example and says whether it succeeded."""
    ran = subprocess.run(
        COMMANDS[kind], input=text, env=environment, cwd=folder, text=True, timeout=SECONDS, capture_output=True
    )
    if ran.returncode != 0:
        print(f"{text}\n{ran.stdout}{ran.stderr}", file=sys.stderr)
    return ran.returncode == 0


def main(binary: str) -> int:
    examples = EXAMPLE.findall((ROOT / "docs/api.md").read_text())
    pictures = ROOT / "samples/people/obama"
    with Server(binary) as server, tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {
            "AICP": server.base,
            "TOKEN": ADMIN_TOKEN,
            "PICTURE": str(pictures / "obama.jpg"),
            "PROBE": str(pictures / "obama2.jpg"),
        }
        for number, (kind, text) in enumerate(examples, 1):
            if not run(kind, text, environment, pathlib.Path(folder)):
                print(f"docs/api.md: example {number} of {len(examples)} failed", file=sys.stderr)
                return 1
    print(f"docs/api.md: {len(examples)} of {len(examples)} examples work as printed")
    return 0 if examples else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
