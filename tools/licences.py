#!/usr/bin/env python3
"""Writes the licences of all parts of the program into one text: the Rust packages of the server, and the npm packages that are in
the built console. Reads what was fetched already. Run it after the build of the console, which notes its packages."""

import gzip
import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "console/dist"
# Written by the build of the console: the folders of the packages whose modules are in it.
BUNDLED = ROOT / "console/out/packages.json"
SERVER = "aicp-server"
LICENCE_FILE = re.compile(r"(licen[cs]e|copying|unlicense|notice)", re.IGNORECASE)


def rust_packages() -> list[tuple[str, str, Path]]:
    """Returns name, licence and folder of each package that the server is built of, without those of this repository."""
    cargo = os.environ.get("CARGO", "cargo")
    host = re.search(r"^host: (\S+)$", subprocess.check_output(["rustc", "-vV"], text=True), re.MULTILINE).group(1)
    command = [cargo, "metadata", "--format-version=1", "--locked", f"--filter-platform={host}"]
    metadata = json.loads(subprocess.check_output(command, cwd=ROOT, stderr=subprocess.DEVNULL))
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    waiting = [identity for identity, package in packages.items() if package["name"] == SERVER]
    seen = set(waiting)
    while waiting:
        for dependency in nodes[waiting.pop()]["deps"]:
            is_built_in = any(kind["kind"] is None for kind in dependency["dep_kinds"])
            if is_built_in and dependency["pkg"] not in seen:
                seen.add(dependency["pkg"])
                waiting.append(dependency["pkg"])
    found = []
    for package in (packages[identity] for identity in seen):
        if package["source"]:
            name = f"{package['name']} {package['version']}"
            found.append((name, package["license"] or "see its files", Path(package["manifest_path"]).parent))
    return found


def npm_packages() -> list[tuple[str, str, Path]]:
    """Returns name, licence and folder of each npm package that is in the built console."""
    found = []
    for folder in json.loads(BUNDLED.read_text()):
        package = json.loads((Path(folder) / "package.json").read_text())
        licence = package.get("license") or "see its files"
        found.append((f"{package['name']} {package['version']} (npm)", str(licence), Path(folder)))
    return found


def texts(licence: str, folder: Path) -> list[str]:
    """Returns the texts of a package's licences. Of a choice that includes MIT, that is taken."""
    files = sorted(path for path in folder.iterdir() if path.is_file() and LICENCE_FILE.match(path.name))
    mit = [path for path in files if "mit" in path.name.lower()]
    if " OR " in licence.replace("/", " OR ") and "MIT" in licence and mit:
        files = mit
    found = (path.read_text("utf-8", errors="replace") for path in files)
    return [re.sub(r"[ \t\r]+\n", "\n", text.replace("\r\n", "\n")).strip() for text in found]


def main() -> None:
    packages = sorted({*rust_packages(), *npm_packages()}, key=lambda package: package[0].lower())
    by_text: dict[str, list[str]] = defaultdict(list)
    lines = ["AICP is under the MIT licence:", "", (ROOT / "LICENSE").read_text().strip(), ""]
    lines += [f"It contains {len(packages)} packages of others, under these licences:", ""]
    for name, licence, folder in packages:
        lines.append(f"{name}: {licence}")
        for text in texts(licence, folder):
            by_text[text].append(name)
    for text, names in by_text.items():
        lines += ["", "=" * 80, ", ".join(names), "-" * 80, text]
    content = ("\n".join(lines) + "\n").encode()
    DIST.mkdir(exist_ok=True)
    (DIST / "licences.txt").write_bytes(content)
    (DIST / "licences.txt.gz").write_bytes(gzip.compress(content, 9, mtime=0))
    print(f"{len(packages)} packages, {len(content) >> 10} KiB", file=sys.stderr)


if __name__ == "__main__":
    main()
