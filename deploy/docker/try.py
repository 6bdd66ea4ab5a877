#!/usr/bin/env python3
"""Run the image, without a daemon, and see that it serves: /healthz, `aicp health`, a face that is enrolled and recognised.

Usage: deploy/docker/try.py BUILDAH..., the command with its options; needs root. The image is localhost/aicp.

First by `buildah run` as the user of the image. Then the file system of the image read-only and without capabilities,
with a data folder of its own, as compose.yml runs it. All listen on loopback.
"""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "security"), str(ROOT / "conformance")]

from harness import Server  # noqa: E402
from journey import picture, text  # noqa: E402
from run import ADMIN_TOKEN  # noqa: E402

IMAGE, USER = "localhost/aicp", "10001"
START_SECONDS = 60


def told(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def serves(what: str, start: list[str], health: list[str], environment: dict[str, str]) -> None:
    """Starts a server, recognises a face and stops it. The commands get the settings by `environment`, too."""
    server = Server("", pathlib.Path())
    server.address = environment["AICP_LISTEN"].split('"')[1].split("=")[0]
    begun = time.monotonic()
    with tempfile.TemporaryFile("w+") as log:
        settings = os.environ | environment
        process = subprocess.Popen(
            start, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=settings, start_new_session=True
        )
        try:
            while server.call("GET", "/readyz", timeout=5).status != 200:
                if process.poll() is not None or time.monotonic() - begun > START_SECONDS:
                    log.seek(0)
                    raise SystemExit(f"error: {what}: it does not start: {log.read()[-2000:]}")
                time.sleep(0.1)
            ready = time.monotonic() - begun
            if (alive := server.call("GET", "/healthz")).body != b"ok\n":
                raise SystemExit(f"error: {what}: /healthz: {alive}")
            said = subprocess.run(health, capture_output=True, text=True, env=settings, check=False)
            if said.stdout != "ready\n":
                raise SystemExit(f"error: {what}: aicp health: {said}")
            token = server.grant("container")
            for operation, body in (
                ("addBase", {"groupId": "staff", "dbName": "staff", "dbDesc": ""}),
                ("add", {"groupId": "staff", "name": "one", "image": text(picture("people/obama/obama.jpg"))}),
                ("recognition", {"groupId": "staff", "image": text(picture("people/obama/obama2.jpg"))}),
            ):
                answer = server.post(f"/aicp/face/{operation}", body, token=token).json()
                if not answer["flag"]:
                    raise SystemExit(f"error: {what}: {operation}: {answer}")
            if len(answer["data"]["records"]) != 1:
                raise SystemExit(f"error: {what}: not recognised: {answer}")
            owners = sorted(own(process.pid))
            if owners != [USER]:
                raise SystemExit(f"error: {what}: it runs as {owners}")
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
            process.wait(timeout=START_SECONDS)
    print(f"{what}: ready after {ready:.1f} s, recognises a face as user {USER}", flush=True)


def own(session: int) -> set[str]:
    """The users of the processes called aicp of a session."""
    users = set()
    for status in pathlib.Path("/proc").glob("[0-9]*/status"):
        try:
            if os.getsid(int(status.parent.name)) == session and (lines := status.read_text().splitlines())[0] == "Name:\taicp":
                users.add(next(line.split()[1] for line in lines if line.startswith("Uid:")))
        except (ProcessLookupError, FileNotFoundError):
            continue
    return users


def main() -> int:
    buildah = sys.argv[1:]
    if not buildah:
        raise SystemExit(__doc__)
    listen = json.dumps([f"127.0.0.1:{free_port()}=auto"])
    environment = {"AICP_LISTEN": listen, "AICP_ADMIN_TOKEN": ADMIN_TOKEN}
    container = told([*buildah, "from", IMAGE])
    try:
        settings = [word for name, value in environment.items() for word in ("--env", f"{name}={value}")]
        run = [*buildah, "run", "--isolation", "chroot", *settings, container, "--"]
        serves("buildah run", [*run, "aicp", "serve"], [*run, "aicp", "health"], {"AICP_LISTEN": listen})

        root = told([*buildah, "mount", container])
        size = told(["du", "--summarize", "--bytes", "--one-file-system", root]).split()[0]
        described = json.loads(told([*buildah, "inspect", "--type", "image", IMAGE]))
        inside = dict(entry.split("=", 1) for entry in described["OCIv1"]["config"]["Env"]) | environment
        with tempfile.TemporaryDirectory(prefix="aicp-image-") as data:
            os.chown(data, int(USER), int(USER))
            # In a mount namespace of its own: the file system read-only, the data folder, and the kernel's files.
            script = (
                'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && mount --bind "$2" "$1/var/lib/aicp" && '
                'mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev" && root=$1 && shift 2 && '
                # The working directory of the image. SQLite puts temporary files there if /tmp is read-only.
                f'exec chroot "$root" env --chdir=/var/lib/aicp setpriv --reuid={USER} --regid={USER} --clear-groups '
                '--no-new-privs --inh-caps=-all --bounding-set=-all "$@"'
            )
            run = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", root, data]
            serves("read-only, no capabilities", [*run, "aicp", "serve"], [*run, "aicp", "health"], inside)
        print(f"{IMAGE}: {int(size) / 1e6:.0f} MB")
    finally:
        subprocess.run([*buildah, "rm", container], check=True, capture_output=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
