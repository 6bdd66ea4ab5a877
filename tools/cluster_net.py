"""A network of its own for a cluster: each node in a network namespace of its own, joined to the rest by a bridge, so that it can be cut off.

Needs root, iproute2 and util-linux. All of it, and every process of the test, is in namespaces of the test, which end with it.
"""

import ctypes
import json
import os
import pathlib
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable

from cluster import Loopback, Node
from patroni import Group
from s3 import Bucket

MARK = "AICP_CLUSTER_NETWORK"
NETWORK = "10.77.0.0/24"
NOBODY = "02:00:00:00:00:01"
CLONE_NEWNET = 0x40000000
# How a node can be cut off: its cable is pulled; packets are lost both ways; nobody hears what it sends; it hears nobody.
WAYS = ("pulled", "dropped", "mute", "deaf")


def enter() -> None:
    """Runs this script again in namespaces of its own, unless it is there. Returns inside."""
    if os.environ.pop(MARK, None):
        # `ip netns` keeps its names there.
        subprocess.run(["mount", "-t", "tmpfs", "none", "/run"], check=True)
        ip("link", "set", "lo", "up")
        return
    if os.geteuid() != 0:
        raise SystemExit("error: network namespaces need root")
    if missing := [name for name in ("ip", "unshare") if not shutil.which(name)]:
        raise SystemExit(f"error: network namespaces need {' and '.join(missing)}, of iproute2 and util-linux")
    # The shell, as the first process, takes leave of those whose parents have gone.
    inside = ["bash", "-c", '"$@"; exit $?', "bash", sys.executable, *sys.argv]
    os.environ[MARK] = "1"
    os.execvp("unshare", ["unshare", "--net", "--mount", "--pid", "--mount-proc", "--fork", "--kill-child", *inside])


def ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"error: ip {' '.join(words)}: {done.stderr}")


class Network(Loopback):
    """A bridge. What the nodes call listens on its address, too."""

    host = "10.77.0.1"

    def __init__(self):
        ip("link", "add", "bridge", "type", "bridge")
        ip("addr", "add", f"{self.host}/24", "dev", "bridge")
        ip("link", "set", "bridge", "up")

    def home(self, number: int) -> tuple[str, list[str]]:
        name, address = f"node{number}", f"10.77.0.{number + 11}"
        ip("netns", "add", name)
        ip("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name)
        ip("link", "set", name, "master", "bridge", "up")
        ip("-n", name, "link", "set", "lo", "up")
        ip("-n", name, "addr", "add", f"{address}/24", "dev", "eth0")
        ip("-n", name, "link", "set", "eth0", "up")
        return address, ["ip", "netns", "exec", name]

    def bucket(self, folder: pathlib.Path) -> Bucket:
        return OpenBucket(folder)

    def cut(self, node: Node, way: str) -> None:
        """Cuts a node off. Nobody is told: packets just don't arrive."""
        name = node.folder.name
        if way == "pulled":
            ip("link", "set", name, "down")
        if way in ("mute", "dropped"):
            ip("-n", name, "neigh", "replace", self.host, "lladdr", NOBODY, "dev", "eth0", "nud", "permanent")
        if way in ("deaf", "dropped"):
            ip("neigh", "replace", node.address, "lladdr", NOBODY, "dev", "bridge", "nud", "permanent")

    def join(self, node: Node, way: str) -> None:
        name = node.folder.name
        if way == "pulled":
            ip("link", "set", name, "up")
        if way in ("mute", "dropped"):
            ip("-n", name, "neigh", "del", self.host, "dev", "eth0")
        if way in ("deaf", "dropped"):
            ip("neigh", "del", node.address, "dev", "bridge")

    def inside(self, node: Node, job: Callable[[], object]) -> object:
        """Does something in the namespace of a node."""
        results: list[object] = []

        def run() -> None:
            # Of this thread alone, which ends with it.
            with open(f"/run/netns/{node.folder.name}") as namespace:
                if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), "setns")
            results.append(job())

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        return results[0]


class OpenBucket(Bucket):
    """An S3 server on all addresses."""

    def __init__(self, folder: pathlib.Path):
        super().__init__(folder)
        self.command = ["-ip.bind=0.0.0.0" if word.startswith("-ip.bind=") else word for word in self.command]


class OpenGroup(Group):
    """PostgreSQL that listens on the bridge, too."""

    def __init__(self, parent: pathlib.Path):
        super().__init__(parent)
        for member in self.members:
            path = member.folder / "patroni.yml"
            config = json.loads(path.read_text())
            config["postgresql"]["listen"] = f"127.0.0.1,{Network.host}:{member.port}"
            config["postgresql"]["pg_hba"].append(f"host all all {NETWORK} trust")
            path.write_text(json.dumps(config))

    @property
    def url(self) -> str:
        hosts = ",".join(f"{Network.host}:{member.port}" for member in self.members)
        return f"postgres://postgres@{hosts}/postgres"
