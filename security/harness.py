"""Shared by the harnesses of this folder: a server that can be killed and restarted, and a report."""

import http.client
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from typing import NamedTuple

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "conformance"))

from run import ADMIN_TOKEN, CAPABILITIES  # noqa: E402

READY_SECONDS = 60


class Answer(NamedTuple):
    """An answer; status 0 if there was none."""

    status: int
    body: bytes

    def json(self):
        return json.loads(self.body)


class Refused(Exception):
    """The server did not start: its exit code (negative: killed by that signal) and its output."""

    def __init__(self, code: int, said: str):
        super().__init__(f"exit code {code}: {said}")
        self.code, self.said = code, said


class Server:
    """`aicp serve` on a free loopback port; the data folder outlives it."""

    def __init__(self, binary: str, folder: pathlib.Path, arguments: tuple[str, ...] = (), wrapper: tuple[str, ...] = (), **settings: str):
        self.binary, self.folder, self.arguments, self.wrapper, self.settings = binary, folder, arguments, wrapper, settings
        self.process: subprocess.Popen | None = None
        self.log: list[str] = []

    def start(self) -> "Server":
        """Starts the server and waits until it is ready. Raises `Refused` if it ends before."""
        self.launch()
        begun = time.monotonic()
        while time.monotonic() - begun < READY_SECONDS:
            if self.address is not None and self.call("GET", "/readyz", timeout=5).status == 200:
                return self
            if self.process.poll() is not None:
                self.reader.join()
                raise Refused(self.process.returncode, "\n".join(self.log[-5:]))
            time.sleep(0.01)
        self.kill()
        raise Refused(0, "not ready within a minute")

    def launch(self) -> None:
        """Starts the process without waiting."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AICP_")}
        environment |= {
            "AICP_ADMIN_TOKEN": ADMIN_TOKEN,
            "AICP_MODELS_DIR": str(ROOT / "models"),
            "AICP_LOG__FORMAT": "json",
            "AICP_LINKVISUAL__CALLS_PER_SECOND": "10000",
            "AICP_TENCENT_IM__CALLS_PER_SECOND": "10000",
            # It starts in a fifth of the time of the other runtime.
            "AICP_VISION__RUNTIME": "onnxruntime",
            **self.settings,
        }
        command = [*self.wrapper, self.binary, "serve", "--data-dir", str(self.folder), "--listen", "127.0.0.1:0", *self.arguments]
        self.address = None
        self.log = []
        self.process = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
        )
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self) -> None:
        for line in self.process.stderr:
            if len(self.log) < 10_000:
                self.log.append(line.rstrip("\n"))
            if self.address is None and line.startswith("{"):
                fields = json.loads(line)["fields"]
                if fields["message"] == "listening":
                    self.address = fields["address"]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.reader.join()

    def stop(self) -> int:
        """Stops the server with SIGTERM and returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=60)
        self.reader.join()
        return code

    def call(self, method: str, path: str, body: bytes | None = None, timeout: float = 60, **headers: str) -> Answer:
        connection = http.client.HTTPConnection(self.address, timeout=timeout)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return Answer(response.status, response.read())
        except (OSError, http.client.HTTPException):
            return Answer(0, b"")
        finally:
            connection.close()

    def post(self, path: str, body: dict, timeout: float = 60, **headers: str) -> Answer:
        return self.call("POST", path, json.dumps(body).encode(), timeout, **{"Content-Type": "application/json"} | headers)

    def grant(self, app_id: str, capabilities: list[str] = CAPABILITIES) -> str:
        """Creates an app and returns its token."""
        body = {"appId": app_id, "dueTime": "2099-12-31 23:59:59", "capabilityIdArray": capabilities}
        answer = self.post("/authorize/grantAuthorize", body, token=ADMIN_TOKEN).json()
        if not answer["flag"]:
            raise SystemExit(f"error: no grant: {answer['message']}")
        return answer["data"]["token"]

    def key(self, app_id: str, **body) -> dict:
        """Creates a key of an app from {"kind": "jdcloud" | "alibaba" | "tencent-im", ...}; returns it with the
        request's fields."""
        return body | self.post(f"/api/v1/apps/{app_id}/keys", body, Authorization=f"Bearer {ADMIN_TOKEN}").json()

    def memory_mib(self) -> int:
        """Peak memory of the process in MiB."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) // 1024

    def __enter__(self) -> "Server":
        return self.start()

    def __exit__(self, *_) -> None:
        if self.process.poll() is None:
            self.kill()


class Report:
    """A table with a row per test: its name, its counts, and its misses."""

    def __init__(self, title: str):
        self.rows = self.missed = 0
        print(f"\n== {title}", flush=True)

    def row(self, name: str, counted: str, *misses: str) -> None:
        self.rows += 1
        self.missed += bool(misses)
        print(f"{name:44}{counted}" + "".join(f"\n  MISS {miss}" for miss in misses), flush=True)


def seed() -> str:
    """Seed of a run's random choices; can be given, to repeat a run."""
    return os.environ.get("AICP_TORTURE_SEED") or str(random.randrange(10**9))


def folder() -> tempfile.TemporaryDirectory:
    return tempfile.TemporaryDirectory(prefix="aicp-torture-")
