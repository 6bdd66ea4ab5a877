#!/usr/bin/env python3
"""Start a server, run the clients of this folder against it, the SDKs by HTTPS, and stop it.

Usage: conformance/run.py PATH_OF_THE_AICP_BINARY [WORDS...]

The packages must be in conformance/.packages and conformance/node_modules (`make conformance` puts them there). Prints
a table of checks for each dialect. Ends with 1 if a check fails or an operation is checked by no client. With words,
only the clients whose names contain one of them run, and unchecked operations are not an error.

An SDK that verifies certificates runs twice: trusting another certificate, its first call must fail for that reason;
then it trusts the server's.
"""

import collections
import concurrent.futures
import json
import os
import pathlib
import string
import subprocess
import sys
import tempfile
import threading
import urllib.request
from typing import NamedTuple

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tools"))

from cluster import Cluster
from operations import OPERATIONS

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
ADMIN_TOKEN = "admin-token-of-the-conformance-tests"
SECONDS = 60
CALLS_PER_DAY = 5
# Together these capabilities grant every call of every dialect.
CAPABILITIES = ["C10000000001", "C10000000002", "C10000000003", "C10000000006"]


# How a client calls: `UNVERIFIED` is HTTPS by an SDK that verifies no certificate, whatever it is told.
PLAIN, TLS, UNVERIFIED = "http", "https", "https, unverified"
# What the stacks of the SDKs say about a certificate that they don't trust.
DISTRUST = ("certificate verify failed", "CERTIFICATE_VERIFY_FAILED", "self-signed certificate", "SELF_SIGNED_CERT")
# The variables by which requests, Python's ssl, aliyun-python-sdk-core and Node.js learn of further authorities.
ROOTS = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "ALIBABA_CLOUD_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")


class Client(NamedTuple):
    """One run of a script for one SDK, with the package sets it may import and the keys of its app."""

    script: str
    name: str
    sets: str
    keys: str = ""
    scheme: str = TLS


JD_CLOUD_KEYS = "jdcloud limited md5"
CLIENTS = [
    Client("baidu_aip.py", "baidu-aip (cloud)", "baidu", scheme=UNVERIFIED),
    Client("baidu_aip.py", "baidu-aip (manual)", "baidu", scheme=UNVERIFIED),
    Client("baidu_aip.py", "baidu-aip-sdk", "baidu"),
    Client("jdcloud.py", "jdcloud-apim-sdk-core", "jdcloud", JD_CLOUD_KEYS),
    Client("jdcloud.py", "jdcloud-apim-sdk", "jdcloud-older", JD_CLOUD_KEYS),
    Client("jdcloud.py", "jdcloud-sdk", "jdcloud", JD_CLOUD_KEYS),
    Client("jdcloud.py", "jdcloud-sdk-core", "jdcloud-older", JD_CLOUD_KEYS),
    Client("jdcloud.py", "jdcloud-sdk-js", "", JD_CLOUD_KEYS),
    Client("jdcloud.py", "wx-sdk", "jdcloud", JD_CLOUD_KEYS),
    Client("linkvisual.py", "aliyun-python-sdk-linkvisual", "alibaba", "alibaba"),
    Client("linkvisual.py", "alibabacloud_linkvisual20180120", "alibaba", "alibaba"),
    Client("linkvisual.py", "alibabacloud_linkvisual20180120 (V1)", "alibaba", "alibaba"),
    Client("linkvisual.py", "@alicloud/pop-core (GET)", "", "alibaba"),
    Client("linkvisual.py", "@alicloud/pop-core (POST)", "", "alibaba"),
    Client("tencent_im.py", "timsdk", "tencent", "tencent-im"),
    Client("tencent_im.py", "timsdk + npm tls-sig-api-v2", "tencent", "tencent-im"),
    Client("crosswise.py", "crosswise", "jdcloud alibaba", "jdcloud alibaba", PLAIN),
    Client(
        "crosswise_api.py",
        "crosswise (API)",
        "jdcloud alibaba tencent baidu",
        "jdcloud alibaba tencent-im",
        PLAIN,
    ),
]

# The requests that create the keys, by the clients' names for them.
KEYS = {
    "jdcloud": {"kind": "jdcloud"},
    "limited": {"kind": "jdcloud", "callsPerDay": CALLS_PER_DAY},
    "md5": {"kind": "jdcloud", "allowMd5": True},
    "alibaba": {"kind": "alibaba"},
    "tencent-im": {"kind": "tencent-im"},
}


class Server:
    """`aicp serve` on two free ports, one plain and one for TLS, with a temporary data folder.

    Below tools/with_postgres.py, its database is that of the PostgreSQL server. With AICP_TEST_NODES it is so many nodes with pictures in S3, behind
    a proxy that gives each call to the next one.
    """

    # Further settings, as environment variables.
    SETTINGS: dict[str, str] = {}

    def __init__(self, binary: str):
        self.folder = tempfile.TemporaryDirectory(prefix="aicp-conformance-")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AICP_")}
        environment |= {
            "AICP_ADMIN_TOKEN": ADMIN_TOKEN,
            "AICP_MODELS_DIR": str(ROOT / "models"),
            "AICP_LOG__FORMAT": "json",
            # LinkVisual's pictures come from the clients themselves, on loopback, and the clients call faster than the
            # default limit.
            "AICP_FETCH__ALLOWED_NETWORKS": '["127.0.0.0/8"]',
            "AICP_LINKVISUAL__CALLS_PER_SECOND": "10000",
            "AICP_TENCENT_IM__CALLS_PER_SECOND": "10000",
            **self.SETTINGS,
        }
        self.roots, self.other_roots = (self.certificate(binary, name) for name in ("own", "other"))
        self.cluster = None
        if nodes := int(os.environ.get("AICP_TEST_NODES", 0)):
            folder = pathlib.Path(self.folder.name)
            database = os.environ["AICP_TEST_POSTGRES"].split()[0]
            own = {name: value for name, value in environment.items() if name.startswith("AICP_")}
            # Links to pictures lead to the S3 server.
            own["AICP_OBJECTS__LINK_SECONDS"] = "60"
            self.cluster = Cluster(binary, folder, database, nodes, own, is_secure=True)
            self.cluster.spread(folder, self.roots)
            return
        if postgres := os.environ.get("AICP_TEST_POSTGRES"):
            environment |= {"AICP_DATABASE__URL": postgres.split()[0], "AICP_SECRET_KEY": "5a" * 32}
        command = [binary, "serve", "--data-dir", f"{self.folder.name}/data"]
        command += ["--listen", "127.0.0.1:0=auto+plain", "--listen", "127.0.0.1:0"]
        command += ["--tls-cert", self.roots, "--tls-key", self.roots.replace(".crt", ".key")]
        self.process = subprocess.Popen(
            command, env=environment, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
        )

    def __enter__(self) -> "Server":
        if self.cluster:
            proxy, self.log = self.cluster.proxy, []
            self.base, self.secure_base = f"http://127.0.0.1:{proxy.port}", f"https://127.0.0.1:{proxy.secure_port}"
            return self
        self.base, self.secure_base = f"http://{self.address()}", f"https://{self.address()}"
        # An unread pipe would fill up and block the server.
        self.log: collections.deque[str] = collections.deque(maxlen=100)
        self.reader = threading.Thread(target=self.log.extend, args=(self.process.stderr,))
        self.reader.start()
        return self

    def certificate(self, binary: str, name: str) -> str:
        """Makes a certificate that signs itself; returns its path. The key is beside it."""
        folder = f"{self.folder.name}/{name}"
        subprocess.run([binary, "cert", "make", "--out", folder], check=True, capture_output=True)
        return f"{folder}/tls.crt"

    def address(self) -> str:
        """Returns the address of the next listener in the order of the command line."""
        for line in self.process.stderr:
            if not line.startswith("{"):
                raise SystemExit(f"error: the server did not start: {line.strip()}")
            fields = json.loads(line)["fields"]
            if fields["message"] == "listening":
                return fields["address"]
        raise SystemExit("error: the server did not start")

    def post(self, path: str, body: dict, **headers: str) -> dict:
        headers = {"Content-Type": "application/json"} | headers
        request = urllib.request.Request(self.base + path, json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=SECONDS) as response:
            return json.load(response)

    def grant(self, app_id: str) -> str:
        """Creates an app with all capabilities and returns its token."""
        body = {"appId": app_id, "dueTime": "2099-12-31 23:59:59", "capabilityIdArray": CAPABILITIES}
        answer = self.post("/authorize/grantAuthorize", body, token=ADMIN_TOKEN)
        if not answer["flag"]:
            raise SystemExit(f"error: no grant: {answer['message']}")
        return answer["data"]["token"]

    def key(self, app_id: str, name: str) -> dict:
        """Creates a key of an app; returns it with the fields of the request."""
        body = KEYS[name]
        return body | self.post(f"/api/v1/apps/{app_id}/keys", body, Authorization=f"Bearer {ADMIN_TOKEN}")

    def setting(self, app_id: str, client: Client) -> dict:
        """The settings of a client, with an app of its own."""
        token = self.grant(app_id)
        keys = {name: self.key(app_id, name) for name in client.keys.split()}
        base = self.base if client.scheme == PLAIN else self.secure_base
        return {"base": base, "app_id": app_id, "token": token, "keys": keys, "admin_token": ADMIN_TOKEN}

    def __exit__(self, *_) -> None:
        if self.cluster:
            self.log = self.cluster.logs()
            self.cluster.stop()
            self.folder.cleanup()
            return
        self.process.terminate()
        self.process.wait(timeout=SECONDS)
        self.reader.join()
        self.folder.cleanup()


def start(client: Client, setting: dict, roots: str, report: pathlib.Path | None = None) -> subprocess.CompletedProcess:
    """Runs the script of a client, which trusts the certificate `roots` alone."""
    packages = [str(HERE / ".packages" / name) for name in [*client.sets.split(), "base"]]
    environment = os.environ | dict.fromkeys(ROOTS, roots)
    environment |= {
        "PYTHONPATH": os.pathsep.join(packages),
        "CONFORMANCE": json.dumps(setting | {"roots": roots}),
        "CONFORMANCE_REPORT": str(report or ""),
    }
    command = [sys.executable, str(HERE / client.script), client.name]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=5 * SECONDS)


def is_wary(client: Client, setting: dict, other_roots: str) -> bool:
    """Whether the SDK refuses a server whose certificate it does not trust."""
    run = start(client, setting, other_roots)
    return run.returncode != 0 and any(words in run.stdout + run.stderr for words in DISTRUST)


def drive(server: Server, number: int, client: Client) -> tuple[bool, list[dict]]:
    """Runs one client against the server, with an app of its own. Prints its output only if a check failed.

    Returns whether all checks passed, and the checks."""
    report = pathlib.Path(server.folder.name) / f"report-{number}"
    setting = server.setting(f"conformance-{number}", client)
    if client.scheme == TLS and not is_wary(client, setting, server.other_roots):
        print(f"{client.name}: its first call does not fail although it does not trust the server's certificate")
        return False, []
    run = start(client, setting, server.roots, report)
    lines = run.stdout.splitlines()
    rows = [json.loads(line) for line in report.read_text().splitlines()] if report.exists() else []
    is_fine = run.returncode == 0 and bool(rows)
    print(*(lines[-1:] if is_fine else [f"{client.name}:", *lines, run.stderr]), sep="\n", flush=True)
    return is_fine, rows


def table(dialect: str, rows: list[dict]) -> list[str]:
    """The table of a dialect: the number of checks per client for each operation, and for each further subject."""
    clients = [one.name for one in CLIENTS if any(row["client"] == one.name for row in rows)]
    letters = string.ascii_uppercase[: len(clients)]
    named = {(row["client"], row["operation"]) for row in rows}
    asides = sorted({operation for _, operation in named if operation.startswith("(")})
    others = sorted({operation for _, operation in named} - set(OPERATIONS[dialect]) - set(asides))
    lines = OPERATIONS[dialect] + asides + others
    width = max(map(len, lines))
    schemes = {one.name: one.scheme for one in CLIENTS}
    told = [f"{dialect}: " + ", ".join(f"{letter} {name} ({schemes[name]})" for letter, name in zip(letters, clients))]
    told.append(" " * width + "".join(f"{letter:>9}" for letter in letters))
    for operation in lines:
        cells = []
        for client in clients:
            own = [row["right"] for row in rows if (row["client"], row["operation"]) == (client, operation)]
            cells.append(str(len(own) or "-") if all(own) else f"{own.count(False)} WRONG")
        told.append(f"{operation:{width}}" + "".join(f"{cell:>9}" for cell in cells))
    return told


def main() -> int:
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    words = sys.argv[2:]
    clients = [one for one in CLIENTS if not words or any(word in f"{one.script} {one.name}" for word in words)]
    with Server(sys.argv[1]) as server:
        with concurrent.futures.ThreadPoolExecutor(max_workers=3) as pool:
            runs = list(pool.map(drive, [server] * len(clients), range(len(clients)), clients))
    is_fine = all(is_fine for is_fine, _ in runs)
    rows = [row for _, own in runs for row in own]
    covered = {(row["dialect"], row["operation"]) for row in rows}
    for dialect in OPERATIONS:
        if own := [row for row in rows if row["dialect"] == dialect]:
            print("", *table(dialect, own), sep="\n")
    missing = [
        f"{dialect} {operation}"
        for dialect, operations in OPERATIONS.items()
        for operation in operations
        if (dialect, operation) not in covered
    ]
    wrong = sum(not row["right"] for row in rows)
    total = sum(len(operations) for operations in OPERATIONS.values())
    names = {row["client"] for row in rows}
    print(
        f"\n{total - len(missing)} of {total} operations, {len(names)} clients, {len(rows)} checks, {wrong} surprises"
    )
    if missing and not words:
        print("checked by no client:", *missing, sep="\n  ")
        is_fine = False
    if not is_fine:
        print("the end of the server's log:", *server.log, sep="\n", file=sys.stderr)
    return 0 if is_fine else 1


if __name__ == "__main__":
    sys.exit(main())
