"""PostgreSQL with two standbys, kept by Patroni and etcd, on loopback: a leader that is lost is replaced by its synchronous standby.

The packages must be in conformance/.packages: `patroni` (PyPI), `etcd` (Debian, unpacked) and `postgres`.
"""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import time
import urllib.request

from s3 import ROOT, SECONDS, free_ports
from with_postgres import USER

PACKAGES = ROOT / "conformance/.packages"
# The system's, which every user can run.
PYTHON = "/usr/bin/python3"
MEMBERS = 3
# Seconds after which a leader that is silent loses its place, between two looks, and for a look at etcd.
TIMES = {"ttl": 20, "loop_wait": 5, "retry_timeout": 5}


class Member:
    """A server of PostgreSQL with its Patroni."""

    def __init__(self, group: "Group", number: int):
        self.group, self.name = group, f"db{number}"
        self.folder = group.folder / self.name
        self.folder.mkdir()
        self.port, self.api = free_ports(2)
        self.process = None

    def start(self) -> None:
        with (self.folder / "log").open("a") as log:
            self.process = subprocess.Popen(
                [PYTHON, "-m", "patroni", self.folder / "patroni.yml"], stdout=log, stderr=log, start_new_session=True, **self.group.options()
            )

    def configure(self) -> None:
        account = {"username": "postgres", "password": "a-password-of-the-tests"}
        config = {
            "scope": "aicp",
            "name": self.name,
            "restapi": {"listen": f"127.0.0.1:{self.api}", "connect_address": f"127.0.0.1:{self.api}"},
            "etcd3": {"hosts": [f"127.0.0.1:{port}" for port in self.group.etcd_ports]},
            "bootstrap": {
                "dcs": TIMES | {
                    "maximum_lag_on_failover": 0, "synchronous_mode": True,
                    "postgresql": {"use_pg_rewind": True, "parameters": {"max_connections": 200, "wal_log_hints": "on"}},
                },
                "initdb": [{"encoding": "UTF8"}, {"locale": "C"}, {"auth-host": "trust"}, {"auth-local": "trust"}],
            },
            "postgresql": {
                "listen": f"127.0.0.1:{self.port}",
                "connect_address": f"127.0.0.1:{self.port}",
                "data_dir": str(self.folder / "data"),
                "bin_dir": str(self.group.programs),
                "authentication": {"superuser": account, "replication": account, "rewind": account},
                "parameters": {"unix_socket_directories": str(self.folder)},
                "pg_hba": ["local all all trust", "host all all 127.0.0.1/32 trust", "host replication all 127.0.0.1/32 trust"],
            },
        }
        # JSON is YAML.
        (self.folder / "patroni.yml").write_text(json.dumps(config))

    def state(self) -> dict:
        """What Patroni says of the server; empty if it does not answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.api}/patroni", timeout=3) as answer:
                return json.load(answer)
        except OSError:
            return {}

    def kill(self) -> None:
        """Ends Patroni and the server at once, as a power cut does."""
        pid = self.folder / "data/postmaster.pid"
        server = int(pid.read_text().splitlines()[0]) if pid.exists() else None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        if server:
            for process in [*children(server), server]:
                try:
                    os.kill(process, signal.SIGKILL)
                except ProcessLookupError:
                    pass

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()


def children(parent: int) -> list[int]:
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(parent)], capture_output=True, text=True).stdout
    return [int(process) for process in found.split()]


class Group:
    """Three members and three servers of etcd."""

    def __init__(self, parent: pathlib.Path):
        self.folder = parent / "patroni"
        self.folder.mkdir()
        shutil.copytree(PACKAGES / "postgres", self.folder / "postgres", symlinks=True)
        shutil.copytree(PACKAGES / "patroni", self.folder / "packages", symlinks=True)
        self.programs = next((self.folder / "postgres").rglob("bin/postgres")).parent
        self.etcd_ports, self.peer_ports = free_ports(MEMBERS), free_ports(MEMBERS)
        self.etcd = []
        self.members = [Member(self, number) for number in range(MEMBERS)]
        for member in self.members:
            member.configure()
        if USER:
            for path in [self.folder, *self.folder.rglob("*")]:
                os.chown(path, USER.pw_uid, USER.pw_gid, follow_symlinks=False)

    def options(self) -> dict:
        drop = {"user": USER.pw_uid, "group": USER.pw_gid, "extra_groups": []} if USER else {}
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "PYTHONPATH": str(self.folder / "packages"), "HOME": str(self.folder)}
        return {"cwd": self.folder, "env": environment, **drop}

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{member.port}" for member in self.members)
        return f"postgres://postgres@{hosts}/postgres"

    def start(self) -> "Group":
        binary = PACKAGES / "etcd/usr/bin/etcd"
        shutil.copy(binary, self.folder / "etcd")
        (self.folder / "etcd").chmod(0o755)
        cluster = ",".join(f"e{number}=http://127.0.0.1:{port}" for number, port in enumerate(self.peer_ports))
        for number, (port, peer) in enumerate(zip(self.etcd_ports, self.peer_ports)):
            own, others = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{peer}"
            command = [
                self.folder / "etcd", "--name", f"e{number}", "--data-dir", self.folder / f"etcd{number}", "--initial-cluster", cluster,
                "--listen-client-urls", own, "--advertise-client-urls", own, "--listen-peer-urls", others,
                "--initial-advertise-peer-urls", others, "--log-level", "error",
            ]
            with (self.folder / f"etcd{number}.log").open("a") as log:
                self.etcd.append(subprocess.Popen([*map(str, command)], stdout=log, stderr=log, **self.options()))
        for member in self.members:
            member.start()
        try:
            self.wait()
        except SystemExit:
            self.stop()
            raise
        return self

    def wait(self) -> None:
        """Waits until there is a leader with a synchronous standby."""
        for _ in range(SECONDS * 4):
            states = [member.state() for member in self.members]
            roles = [state.get("role") for state in states if state.get("state") in ("running", "streaming")]
            if any(role in ("primary", "master") for role in roles) and any(state.get("sync_standby") for state in states):
                return
            time.sleep(0.5)
        raise SystemExit("error: no leader: " + "\n".join((member.folder / "log").read_text()[-800:] for member in self.members))

    def leader(self) -> Member | None:
        return next((member for member in self.members if member.state().get("role") in ("primary", "master")), None)

    def kill_leader(self) -> Member | None:
        leader = self.leader()
        if leader:
            leader.kill()
        return leader

    def stop(self) -> None:
        for member in self.members:
            member.stop()
        for process in self.etcd:
            process.terminate()
            process.wait(timeout=SECONDS)
