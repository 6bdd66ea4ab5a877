#!/usr/bin/env python3
"""Run all harnesses of this folder against servers of their own, and report the misses.

Usage: security/torture.py PATH_OF_THE_AICP_BINARY [--short] [NAMES...]

With names, only the modules of these names run. Prints a table for each and a total; ends with 1 on any miss. Needs
root to mount its own disks. Uses only loopback and removes its files.
"""

import importlib
import os
import pathlib
import sys
import time

from harness import Report

MODULES = ["attacks", "wire", "decoders", "access", "kills", "torn", "disks", "backups", "stop"]


def main() -> int:
    arguments = sys.argv[1:]
    is_short = "--short" in arguments
    binary, *names = [argument for argument in arguments if argument != "--short"] or [""]
    if not os.access(binary, os.X_OK) or not set(names) <= set(MODULES):
        raise SystemExit(__doc__)
    binary = str(pathlib.Path(binary).resolve())
    begun = time.monotonic()
    table: dict[str, tuple[Report, float]] = {}
    for name in names or MODULES:
        started = time.monotonic()
        report = importlib.import_module(name).run(binary, is_short)
        table[name] = report, time.monotonic() - started
    print(f"\n{'':12}{'rows':>6}{'missed':>8}{'seconds':>9}")
    for name, (report, seconds) in table.items():
        print(f"{name:12}{report.rows:>6}{report.missed:>8}{seconds:>9.0f}")
    missed = sum(report.missed for report, _ in table.values())
    print(f"{missed} missed in {time.monotonic() - begun:.0f} s")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
