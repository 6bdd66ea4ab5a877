"""Checks what ARCHITECTURE.md says of the crates: who depends on whom, which words stay out of the core, where unsafe code is.

Prints each fault as `file:line: fault` and ends with 1 if there is one.
"""

import pathlib
import re
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent
MAX_LINES = 500

# A crate may depend on these crates of the workspace and no others.
DEPENDENCIES = {
    "types": set(),
    "settings": set(),
    "trust": set(),
    "traces": set(),
    "vision": {"settings", "traces"},
    "fetch": {"settings", "trust"},
    "gallery": {"types"},
    "blobs": set(),
    "s3": {"blobs", "trust"},
    "backup": {"settings", "trust", "s3"},
    "store": {"types", "blobs", "traces"},
    "store-sqlite": {"types", "blobs", "store"},
    "store-postgres": {"types", "blobs", "store", "trust"},
    "store-tests": {"types", "blobs", "store"},
    "index": {"types", "gallery", "traces"},
    "engines": {"types", "settings", "traces", "trust", "vision"},
    "backends": {"types", "vision", "index", "engines"},
    "platform": {"types", "settings", "traces", "backends", "fetch", "store"},
    "requests": {"types", "platform", "traces"},
    "dialects": {"types", "settings", "platform", "requests"},
    "api": {"types", "settings", "traces", "platform", "requests", "dialects"},
    "measure": {"types", "gallery", "store", "store-sqlite", "vision"},
    "server": {
        "types", "settings", "api", "backends", "backup", "blobs", "dialects", "engines", "measure", "platform", "requests", "s3", "store",
        "store-postgres", "store-sqlite", "traces", "trust", "vision",
    },
}
# Crates that know no interface: neither its vendor nor its words.
CORE = [
    "types", "settings", "traces", "trust", "vision", "fetch", "gallery", "index", "blobs", "s3", "backup", "store",
    "store-postgres", "store-sqlite", "store-tests", "engines", "backends", "platform",
]
VENDORS = re.compile(r"tencent|jdcloud|jd cloud|linkvisual|baidu|alibaba|aliyun", re.IGNORECASE)
WIRE_WORDS = re.compile(r"\b(db_name|person_db_lib|id_iccid|cust_id|operate_type|engine_url|db_desc|ext_user_id)\b")
# The test of the migration that renamed them.
WIRE_WORDS_ALLOWED = {"crates/store-sqlite/src/schema/tests.rs"}
# Not the name of the lint, nor a word of a Content-Security-Policy.
UNSAFE = re.compile(r"\bunsafe\b(?!_code|-inline)")
UNSAFE_ALLOWED = [
    "crates/gallery/src/kernel/",
    "crates/measure/src/bandwidth.rs",
    "crates/measure/src/exact.rs",
    "crates/vision/src/picture/jpeg/mod.rs",
]


def sources(crate: str):
    return sorted((ROOT / "crates" / crate / "src").rglob("*.rs"))


def code(path: pathlib.Path) -> list[str]:
    """Lines of a file without comments."""
    return [re.sub(r"//.*", "", line) for line in path.read_text().splitlines()]


def faults():
    crates = {path.parent.name for path in (ROOT / "crates").glob("*/Cargo.toml")}
    for crate in sorted(crates):
        manifest = tomllib.loads((ROOT / "crates" / crate / "Cargo.toml").read_text())
        named = {name.removeprefix("aicp-") for name in manifest.get("dependencies", {}) if name.startswith("aicp-")}
        for other in sorted(named - DEPENDENCIES.get(crate, set())):
            yield f"crates/{crate}/Cargo.toml:1: {crate} must not depend on {other}"
        for path in sources(crate):
            name = path.relative_to(ROOT).as_posix()
            text = path.read_text().splitlines()
            tests = next((number for number, line in enumerate(text) if line.startswith("#[cfg(test)]")), len(text))
            if tests > MAX_LINES and path.name != "tests.rs":
                yield f"{name}:{MAX_LINES}: more than {MAX_LINES} lines"
            for number, line in enumerate(text, 1):
                if crate in CORE and VENDORS.search(line):
                    yield f"{name}:{number}: a vendor in the core"
                if crate in CORE and WIRE_WORDS.search(line) and name not in WIRE_WORDS_ALLOWED:
                    yield f"{name}:{number}: a word of an interface in the core"
            for number, line in enumerate(code(path), 1):
                if UNSAFE.search(line) and not name.startswith(tuple(UNSAFE_ALLOWED)):
                    yield f"{name}:{number}: unsafe code"


def main() -> int:
    found = list(faults())
    for fault in found:
        print(fault)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
