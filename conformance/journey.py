"""Shared by the clients of this folder: checks, the setting from `run.py`, and the sample pictures."""

import base64
import contextlib
import http.server
import json
import os
import pathlib
import subprocess
import threading

ROOT = pathlib.Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "samples"
SECONDS = 30


def grey_jpeg(side: int) -> bytes:
    """A grey square as a minimal JPEG: every block is only the code for zero difference."""

    def segment(marker: int, data: bytes) -> bytes:
        return bytes([0xFF, marker]) + (len(data) + 2).to_bytes(2, "big") + data

    size = side.to_bytes(2, "big")
    one_code = bytes([1] + [0] * 15 + [0])
    bits = 2 * ((side + 7) // 8) ** 2
    scan = bytes(bits // 8) + (bytes([0xFF >> bits % 8]) if bits % 8 else b"")
    return b"".join(
        [
            b"\xff\xd8",
            segment(0xDB, b"\0" + b"\1" * 64),
            segment(0xC0, b"\x08" + size + size + b"\x01\x01\x11\x00"),
            segment(0xC4, b"\x00" + one_code + b"\x10" + one_code),
            segment(0xDA, b"\x01\x01\x00\x00\x3f\x00"),
            scan,
            b"\xff\xd9",
        ]
    )


def picture(name: str) -> bytes:
    return (SAMPLES / name).read_bytes()


def text(data: bytes) -> str:
    """Encodes bytes as base64."""
    return base64.b64encode(data).decode()


class Setting:
    """The settings that `run.py` passes in the environment, as other users could read command-line arguments."""

    def __init__(self):
        given = json.loads(os.environ["CONFORMANCE"])
        self.base: str = given["base"]
        self.scheme, _, self.host = self.base.partition("://")
        # The certificate to trust, for SDKs that don't look into the environment.
        self.roots: str | None = given.get("roots")
        self.app_id: str = given["app_id"]
        self.token: str = given["token"]
        self.keys: dict[str, dict] = given["keys"]
        # For the clients that change grants.
        self.admin_token: str = given.get("admin_token", "")


class Journey:
    """The checks of one client, each of one operation of the contract."""

    def __init__(self, dialect: str, client: str):
        self.dialect = dialect
        self.client = client
        self.rows: list[tuple[str, str, bool]] = []

    def check(self, operation: str, what: str, *truths) -> bool:
        is_right = all(truths)
        self.rows.append((operation, what, is_right))
        return is_right

    def same(self, operation: str, what: str, found, wanted) -> bool:
        """Checks two values for equality; a failure shows both."""
        is_right = found == wanted
        return self.check(operation, what if is_right else f"{what}: {found!r} instead of {wanted!r}", is_right)

    @contextlib.contextmanager
    def to_the_end(self):
        """Records an SDK's exception, or an answer that lacks data for the next step, as a failed check and ends this
        part."""
        try:
            yield
        except Exception as error:  # timsdk raises nothing more exact
            place = error.__traceback__
            while (
                place.tb_next and pathlib.Path(place.tb_next.tb_frame.f_code.co_filename).parent == ROOT / "conformance"
            ):
                place = place.tb_next
            line = f"line {place.tb_lineno}"
            self.check("(broken off)", f"{line}: {type(error).__name__}: {error}", False)

    def finish(self) -> int:
        """Prints a line per check and passes the checks to `run.py`. Returns the exit code."""
        width = [max(len(row[column]) for row in self.rows) for column in (0, 1)]
        for operation, what, is_right in self.rows:
            print(f"{operation:{width[0]}}  {what:{width[1]}}  {'ok' if is_right else 'WRONG'}")
        surprises = sum(not is_right for _, _, is_right in self.rows)
        operations = {operation for operation, _, _ in self.rows if not operation.startswith("(")}
        print(f"\n{self.client}: {len(operations)} operations, {len(self.rows)} checks, {surprises} surprises")
        if report := os.environ.get("CONFORMANCE_REPORT"):
            with open(report, "a", encoding="utf-8") as file:
                for operation, _, is_right in self.rows:
                    row = {"dialect": self.dialect, "client": self.client, "operation": operation, "right": is_right}
                    file.write(json.dumps(row) + "\n")
        return 1 if surprises else 0


class Pictures:
    """Serves the sample pictures, and one without a face, on a free loopback port."""

    def __init__(self):
        self.others = {"nobody.jpg": grey_jpeg(200)}
        pictures = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                data = pictures.find(self.path.removeprefix("/"))
                self.send_response(404 if data is None else 200)
                self.send_header("Content-Type", "image/jpeg")
                self.send_header("Content-Length", str(len(data or b"")))
                self.end_headers()
                self.wfile.write(data or b"")

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.base = f"http://127.0.0.1:{self.server.server_address[1]}"

    def find(self, name: str) -> bytes | None:
        if name in self.others:
            return self.others[name]
        path = (SAMPLES / name).resolve()
        return path.read_bytes() if path.is_file() and ".." not in name else None

    def url(self, name: str) -> str:
        return f"{self.base}/{name}"

    def __enter__(self) -> "Pictures":
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        self.server.shutdown()
        self.server.server_close()


class Bridge:
    """A Node.js process that makes the calls of an npm package: one line of JSON in, one line of JSON out."""

    def __init__(self, package: str, setting: dict):
        command = ["node", str(ROOT / "conformance" / "bridge.js"), package]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={name: os.environ[name] for name in ("PATH", "NODE_EXTRA_CA_CERTS") if name in os.environ}
            | {"CONFORMANCE": json.dumps(setting)},
            encoding="utf-8",
        )

    def call(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise ConnectionError("the Node.js process ended")
        return json.loads(line)

    def __enter__(self) -> "Bridge":
        return self

    def __exit__(self, *_) -> None:
        self.process.stdin.close()
        self.process.wait(timeout=SECONDS)
