#!/usr/bin/env python3
"""Start a server of its own, let the clients of this folder drive it over HTTP, and stop it.

Usage: conformance/run.py PATH_OF_THE_AICP_BINARY

The packages of requirements.txt must be in conformance/.packages (`make conformance` puts them there). Ends with 1 if
a client is surprised.
"""

import collections
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
ADMIN_TOKEN = "admin-token-of-the-conformance-tests"
APP_ID = "conformance"
SECONDS = 60


class Server:
    """`aicp serve` on a free port, with a data folder that goes with it."""

    def __init__(self, binary: str):
        self.folder = tempfile.TemporaryDirectory(prefix="aicp-conformance-")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AICP_")}
        environment |= {
            "AICP_ADMIN_TOKEN": ADMIN_TOKEN,
            "AICP_MODELS_DIR": str(ROOT / "models"),
            "AICP_LOG__FORMAT": "json",
        }
        command = [binary, "serve", "--data-dir", f"{self.folder.name}/data", "--listen", "127.0.0.1:0"]
        self.process = subprocess.Popen(
            command, env=environment, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
        )

    def __enter__(self) -> "Server":
        self.base = f"http://{self.address()}"
        # What nobody reads would fill the pipe and stop the server.
        self.log: collections.deque[str] = collections.deque(maxlen=100)
        self.reader = threading.Thread(target=self.log.extend, args=(self.process.stderr,))
        self.reader.start()
        return self

    def address(self) -> str:
        for line in self.process.stderr:
            if not line.startswith("{"):
                raise SystemExit(f"error: the server did not start: {line.strip()}")
            fields = json.loads(line)["fields"]
            if fields["message"] == "listening":
                return fields["address"]
        raise SystemExit("error: the server did not start")

    def post(self, path: str, body: dict) -> dict:
        headers = {"Content-Type": "application/json", "token": ADMIN_TOKEN}
        request = urllib.request.Request(self.base + path, json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=SECONDS) as response:
            return json.load(response)

    def grant(self) -> str:
        """The token of a new app that may do all of face-api."""
        body = {"appId": APP_ID, "dueTime": "2099-12-31 23:59:59", "capabilityIdArray": ["C10000000006"]}
        answer = self.post("/authorize/grantAuthorize", body)
        if not answer["flag"]:
            raise SystemExit(f"error: no grant: {answer['message']}")
        return answer["data"]["token"]

    def __exit__(self, *_) -> None:
        self.process.terminate()
        self.process.wait(timeout=SECONDS)
        self.reader.join()
        self.folder.cleanup()


def main() -> int:
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    environment = os.environ | {"PYTHONPATH": str(HERE / ".packages")}
    surprises = 0
    with Server(sys.argv[1]) as server:
        token = server.grant()
        for paths in ("cloud", "manual"):
            command = [sys.executable, HERE / "baidu_aip.py", server.base, APP_ID, token, "--paths", paths]
            surprises += subprocess.run(command, env=environment).returncode != 0
    if surprises:
        print("the end of the server's log:", *server.log, sep="\n", file=sys.stderr)
    return 1 if surprises else 0


if __name__ == "__main__":
    sys.exit(main())
