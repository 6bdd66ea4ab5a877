"""Runs a command beside PostgreSQL servers of its own, which end with it.

    with_postgres.py FOLDER[+tls][,FOLDER[+tls]] COMMAND...

Each folder has the programs of a version of PostgreSQL in a `bin` somewhere below it. The addresses of the servers are in AICP_TEST_POSTGRES of the
command, separated by spaces. That of one with `+tls` is in AICP_TEST_POSTGRES_TLS, and its certificate in AICP_TEST_POSTGRES_ROOTS. The servers are on loopback, in temporary folders, and don't sync to disk: tests of durability
start their own.
"""

import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

# PostgreSQL does not run as root.
USER = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "400",
    "shared_buffers": "128MB",
    "listen_addresses": "127.0.0.1",
    "jit": "off",
}


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class Server:
    """A server of one version of PostgreSQL, in a folder below `parent`."""

    def __init__(self, programs, parent, settings=SETTINGS):
        self.folder = pathlib.Path(parent) / f"postgres-{free_port()}"
        self.folder.mkdir()
        # Where every user can read them.
        shutil.copytree(programs, self.folder / "programs", symlinks=True)
        self.programs = next((self.folder / "programs").rglob("bin/postgres")).parent
        self.port = free_port()
        self.settings = settings
        if USER:
            for path in [self.folder, *self.folder.rglob("*")]:
                os.chown(path, USER.pw_uid, USER.pw_gid, follow_symlinks=False)
        self.run("initdb", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-locale", "--no-sync", "--pgdata=data")

    @property
    def url(self):
        return f"postgres://postgres@127.0.0.1:{self.port}/postgres"

    def command(self, program, *arguments):
        return [self.programs / program, *arguments]

    def options(self):
        # Where the package of a distribution has its libraries.
        libraries = {path.parent for path in (self.folder / "programs").rglob("libpq.so.5")}
        paths = {"LD_LIBRARY_PATH": ":".join(map(str, libraries))} if libraries else {}
        drop = {"user": USER.pw_uid, "group": USER.pw_gid, "extra_groups": []} if USER else {}
        return {"cwd": self.folder, "env": {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", **paths}, **drop}

    def run(self, program, *arguments):
        done = subprocess.run(
            self.command(program, *arguments), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **self.options()
        )
        if done.returncode:
            sys.exit(f"{program} ended with {done.returncode}:\n{done.stdout}")

    def start(self):
        settings = [f"-c{name}={value}" for name, value in self.settings.items()]
        log = open(self.folder / "log", "a")
        self.process = subprocess.Popen(
            self.command("postgres", "-D", "data", "-p", str(self.port), "-k", self.folder, *settings),
            stdout=log, stderr=log, start_new_session=True, **self.options(),
        )
        self.run("pg_isready", "--quiet", "--host=127.0.0.1", f"--port={self.port}") if self.is_ready() else self.fail()
        return self

    def is_ready(self):
        """Waits until the server answers; false if it ended."""
        while self.process.poll() is None:
            asked = subprocess.run(
                self.command("pg_isready", "--quiet", "--host=127.0.0.1", f"--port={self.port}", "--timeout=1"), **self.options()
            )
            if asked.returncode == 0:
                return True
            try:
                self.process.wait(0.05)
            except subprocess.TimeoutExpired:
                pass
        return False

    def fail(self):
        sys.exit(f"a PostgreSQL server ended with {self.process.returncode}:\n{(self.folder / 'log').read_text()}")

    def kill(self):
        """Ends the server as a power cut does, its sessions too."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self):
        """Ends the server, its sessions too."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()


def certificate(server):
    """Makes a certificate for loopback that signs itself, in the data folder of a server; returns its path."""
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"]
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30", *names]
    paths = [server.folder / "data/server.key", server.folder / "data/server.crt"]
    subprocess.run([*made, "-keyout", paths[0], "-out", paths[1]], check=True, stderr=subprocess.DEVNULL)
    if USER:
        for path in paths:
            os.chown(path, USER.pw_uid, USER.pw_gid)
    return paths[1]


def main():
    folders, command = sys.argv[1].split(","), sys.argv[2:]
    with tempfile.TemporaryDirectory(prefix="aicp-postgres-") as parent:
        os.chmod(parent, 0o755)
        servers = []
        try:
            urls, of_tls = [], {}
            for folder, _, kind in (folder.partition("+") for folder in folders):
                server = Server(folder, parent, SETTINGS | ({"ssl": "on"} if kind else {}))
                if kind:
                    of_tls = {"AICP_TEST_POSTGRES_TLS": server.url, "AICP_TEST_POSTGRES_ROOTS": str(certificate(server))}
                else:
                    urls.append(server.url)
                servers.append(server.start())
            done = subprocess.run(command, env={**os.environ, "AICP_TEST_POSTGRES": " ".join(urls), **of_tls})
        finally:
            for server in servers:
                server.stop()
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
