"""Fill, break and move the disk under a data folder while clients write.

Runs itself again in its own mount namespace, so that nothing stays mounted. Mounts a tmpfs of 24 MB and, if loop
devices are available, an ext4 of 40 MB. Each is filled while three clients write, used while full, emptied and filled
again; the server is killed, started and stopped while the disk is full. In the long round ext4 also becomes read-only
and fails under a running server, as on a broken disk, and the folder is renamed and renamed back.

A miss is, in any of these states: a lost acknowledged write, or a refused one that is stored; a removal refused on a
full disk; `/readyz` not 503 with a reason within 10 seconds, or not 200 within 10 seconds after space is freed (on a
broken disk: after a restart); a start on a full disk that neither serves nor ends with 1 and a reason; a stop that
takes more than 15 seconds or ends with a code other than 0 or 1; a process that ends by itself. Tests that need root or
loop devices are reported as skipped without them, not as misses.
"""

import fcntl
import json
import os
import pathlib
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import time

if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from harness import Refused, Report, Server, folder, seed
from journey import Pictures
from kills import SETTINGS, total
from ledger import Ids
from observer import settle
from torn import refusal
from writer import Album
from writer_groups import Writer

READYZ_SECONDS = 10
# Time limit for the wanted number of writes, long enough for a busy machine.
WRITE_SECONDS = 40
MAX_STOP_SECONDS = 15
# EXT4_IOC_SHUTDOWN, without flushing the journal.
EXT4_IOC_SHUTDOWN, NO_FLUSH = 0x8004587D, 2
PADDING_BYTES = 20_000
ENROLMENTS = ("do_add", "do_jd_create", "do_face_add", "do_add_user")
REMOVALS = ("do_remove", "do_user_delete", "do_face_delete", "do_jd_delete", "do_delete_user")


def command(*words) -> None:
    subprocess.run([str(word) for word in words], check=True, capture_output=True)


class Volume:
    """A small file system with a ballast file that fills it."""

    def __init__(self, place: pathlib.Path, kind: str):
        self.kind, self.mounted, self.image = kind, place / kind, place / f"{kind}.image"
        self.mounted.mkdir()
        if kind == "ext4":
            with self.image.open("wb") as file:
                file.truncate(40 << 20)
            command("mkfs.ext4", "-q", "-m", "0", self.image)
        self.mount()

    def mount(self) -> None:
        if self.kind == "ext4":
            # Unmounting detaches the loop device.
            command("mount", "-o", "loop,errors=remount-ro", self.image, self.mounted)
        else:
            command("mount", "-t", "tmpfs", "-o", "size=24m,mode=700", "tmpfs", self.mounted)

    def unmount(self) -> None:
        command("umount", self.mounted)

    @property
    def ballast(self) -> pathlib.Path:
        return self.mounted / "ballast"

    def fill(self) -> None:
        """Fills the disk once. Space that the server frees afterwards is left to it."""
        with self.ballast.open("ab", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(1 << 16))
            except OSError:
                pass

    def make_room(self) -> None:
        self.ballast.unlink()


class Disk:
    """A server on a volume, its three writers, and the misses so far."""

    def __init__(self, binary: str, volume: Volume, aside: pathlib.Path, served: Pictures, chosen: str):
        self.binary, self.volume, self.aside = binary, volume, aside
        self.server = Server(binary, volume.mounted / "data", **SETTINGS).start()
        album, ids = Album(served, padding=PADDING_BYTES), Ids()
        self.writers = [Writer(self.server, f"{volume.kind}{number}", album, ids, chosen) for number in range(3)]
        self.misses: list[str] = []

    def counts(self) -> tuple[int, int]:
        return total(self.writers, "done"), total(self.writers, "denied")

    def write(self, is_over, is_lenient: bool, meanwhile=None) -> None:
        """Runs the writers until `is_over`, at most WRITE_SECONDS."""
        limit = time.monotonic() + WRITE_SECONDS
        for writer in self.writers:
            writer.ledger.is_lenient = is_lenient
        over = lambda: is_over() or time.monotonic() > limit  # noqa: E731
        threads = [threading.Thread(target=writer.run, args=(over,)) for writer in self.writers]
        for thread in threads:
            thread.start()
        if meanwhile:
            meanwhile()
        for thread in threads:
            thread.join()
        if self.server.process.poll() not in (None, -9):
            self.misses.append(f"the process ended by itself, with {self.server.process.returncode}")

    def write_some(self, count: int, is_lenient: bool = False, meanwhile=None) -> None:
        """Runs the writers until `count` more writes are acknowledged. Unless lenient, none may be refused."""
        until = self.counts()[0] + count
        self.write(lambda: self.counts()[0] >= until, is_lenient, meanwhile)
        if not is_lenient and self.counts()[0] < until:
            self.misses.append(f"only {self.counts()[0] - until + count} writes acknowledged in {WRITE_SECONDS} s")

    def write_until_refused(self, meanwhile, count: int = 12) -> None:
        """Runs the writers until `count` more valid writes are refused."""
        before = self.counts()[1]
        self.write(lambda: self.counts()[1] >= before + count, True, meanwhile)
        if self.counts()[1] == before:
            self.misses.append(f"nothing was refused in {WRITE_SECONDS} s")

    def kill_when_full(self) -> None:
        """Kills the server at a random moment after it has refused something."""
        before, limit = self.counts()[1], time.monotonic() + WRITE_SECONDS / 2
        while self.counts()[1] == before and time.monotonic() < limit:
            time.sleep(0.005)
        time.sleep(random.random() * 0.2)
        self.server.kill()

    def ready(self, status: int, when: str) -> None:
        """Waits until /readyz has this status."""
        begun, answer = time.monotonic(), None
        while time.monotonic() - begun < READYZ_SECONDS:
            answer = self.server.call("GET", "/readyz", timeout=5)
            if answer.status == status and (status == 200 or len(answer.body) > 20):
                return
            time.sleep(0.05)
        self.misses.append(f"/readyz {when}: {answer.status} {answer.body[:200]} after {READYZ_SECONDS} s")

    def enrol(self) -> None:
        """Enrols people for later removals."""
        for writer in self.writers:
            for _ in range(200):
                if len(writer.keys("person")) >= 6 or writer.ledger.surprises:
                    break
                writer.one(*(ENROLMENTS if writer.keys("library") else ("do_add_base",)))

    def remove(self) -> None:
        """Removes people, which must succeed on a full disk."""
        removed = total(self.writers, "done")
        for writer in self.writers:
            writer.ledger.is_lenient = False
            left = max(0, len(writer.keys("person")) - 3)
            for _ in range(200):
                if len(writer.keys("person")) <= left or writer.ledger.surprises:
                    break
                writer.one(*REMOVALS)
        if total(self.writers, "done") == removed:
            self.misses.append("nobody could be removed")

    def settle(self, when: str) -> None:
        self.misses += [f"{when}: {miss}" for miss in settle(self.binary, self.server, self.writers, self.aside)]

    def stop(self, when: str) -> None:
        begun = time.monotonic()
        code = self.server.stop()
        if code not in (0, 1) or time.monotonic() - begun > MAX_STOP_SECONDS:
            self.misses.append(f"the stop {when} ended with {code} after {time.monotonic() - begun:.1f} s: {self.server.log[-2:]}")

    def start(self, when: str, is_full: bool = False) -> str:
        """Restarts the server. A start on a full disk may be refused; then space is freed first. Returns "served" or
        "refused"."""
        begun = time.monotonic()
        try:
            self.server.launch()
            while time.monotonic() - begun < 15:
                status = self.server.call("GET", "/readyz", timeout=5).status if self.server.address else 0
                if status == 200 or status == 503 and is_full:
                    return "served"
                if self.server.process.poll() is not None:
                    self.server.reader.join()
                    raise Refused(self.server.process.returncode, "\n".join(self.server.log[-12:]))
                time.sleep(0.02)
            self.misses.append(f"no start {when} within 15 s")
        except Refused as refused:
            if not is_full:
                raise
            self.misses += [f"start {when}: {miss}" for miss in refusal(refused, time.monotonic() - begun)]
        self.volume.make_room()
        self.server.start()
        return "refused"


def full(disk: Disk, report, is_short: bool) -> None:
    """Fills, uses, empties and refills a disk; kills, stops and starts the server meanwhile."""
    volume, kind = disk.volume, disk.volume.kind

    def row(name: str, counted: str = "") -> None:
        done, refused = disk.counts()
        report.row(f"{kind}: {name}", f"{done} acknowledged, {refused} refused{counted}", *disk.misses)
        disk.misses = []

    disk.write_some(30)
    disk.enrol()
    disk.write_until_refused(volume.fill)
    disk.ready(503, "on a full disk")
    row("filled while they write")
    disk.remove()
    disk.settle("after removals on a full disk")
    row("removals while full")
    if not is_short:
        disk.write_until_refused(None)
        disk.ready(503, "on a full disk after removals")
        disk.settle("after more on a full disk")
        row("more while full")
    volume.make_room()
    disk.ready(200, "with room again")
    disk.write_some(15)
    row("room again, no restart")
    disk.write_until_refused(lambda: (volume.fill(), disk.kill_when_full()), count=10_000)
    came = disk.start("after a kill on a full disk", is_full=True)
    disk.settle("after a kill on a full disk")
    row("killed while full, started", f", start {came}")
    if not is_short:
        if came == "served":
            volume.make_room()
        disk.ready(200, "with room after a kill")
        disk.write_some(15)
        disk.write_until_refused(volume.fill)
        disk.stop("on a full disk")
        came = disk.start("on a full disk", is_full=True)
        disk.settle("after a stop and a start on a full disk")
        row("stopped while full, started", f", start {came}")
    if came == "served":
        volume.make_room()
    disk.ready(200, "with room at last")
    disk.write_some(15)
    disk.settle("at last")
    disk.stop("at last")
    row("room at last")


def broken(disk: Disk, report, name: str, breaks) -> None:
    """Tests a file system that fails under a running server and is mounted again."""
    disk.server.start()
    disk.write_some(20)
    try:
        breaks(disk)
    except OSError as error:
        report.row(f"ext4: {name}", f"can't be tried here: {error}")
        disk.stop("before anything broke")
        return
    disk.write_until_refused(None)
    disk.ready(503, f"on a disk that is {name}")
    disk.stop(f"on a disk that is {name}")
    disk.volume.unmount()
    disk.volume.mount()
    disk.start("on the disk mounted anew")
    disk.settle("on the disk mounted anew")
    disk.write_some(10)
    disk.stop("after a broken disk")
    done, refused = disk.counts()
    report.row(f"ext4: {name}", f"{done} acknowledged, {refused} refused", *disk.misses)
    disk.misses = []


def turn_read_only(disk: Disk) -> None:
    """Makes ext4 read-only through the kernel's error handling."""
    device = os.path.basename(subprocess.check_output(["findmnt", "-no", "SOURCE", disk.volume.mounted], text=True).strip())
    pathlib.Path(f"/sys/fs/ext4/{device}/trigger_fs_error").write_text("torture")


def shut_down(disk: Disk) -> None:
    handle = os.open(disk.volume.mounted, os.O_RDONLY)
    try:
        fcntl.ioctl(handle, EXT4_IOC_SHUTDOWN, struct.pack("I", NO_FLUSH))
    finally:
        os.close(handle)


def renamed(disk: Disk, report) -> None:
    """Renames the data folder temporarily."""
    disk.server.start()
    disk.write_some(20)
    place = disk.server.folder
    place.rename(place.with_name("elsewhere"))
    disk.write_until_refused(None)
    disk.ready(503, "while the folder is gone")
    place.with_name("elsewhere").rename(place)
    disk.ready(200, "with the folder back")
    disk.settle("with the folder back")
    disk.write_some(10)
    disk.stop("after a rename")
    done, refused = disk.counts()
    report.row(f"{disk.volume.kind}: folder renamed and back", f"{done} acknowledged, {refused} refused", *disk.misses)
    disk.misses = []


def inside(binary: str, is_short: bool, report) -> None:
    """Runs all tests, in the mount namespace."""
    chosen = seed()
    random.seed(chosen)
    kinds = ["tmpfs"] if is_short else ["tmpfs", "ext4"]
    with folder() as name, Pictures() as served:
        place = pathlib.Path(name)
        for kind in kinds:
            try:
                volume = Volume(place, kind)
            except (OSError, subprocess.CalledProcessError) as error:
                report.row(kind, f"can't be mounted here: {error}")
                continue
            disk = None
            try:
                disk = Disk(binary, volume, place / "copy", served, chosen)
                full(disk, report, is_short)
                if not is_short:
                    renamed(disk, report)
                if kind == "ext4":
                    broken(disk, report, "read-only", turn_read_only)
                    broken(disk, report, "shut down", shut_down)
            except Refused as refused:
                report.row(f"{kind}: broken off", "", *disk.misses, f"no start: {refused}")
            finally:
                if disk and disk.server.process.poll() is None:
                    disk.server.kill()
                volume.unmount()


class Lines:
    """A report for the parent process: one line of JSON per row."""

    def row(self, *row) -> None:
        print(json.dumps(row), flush=True)


def run(binary: str, is_short: bool) -> Report:
    chosen = seed()
    report = Report(f"full and broken disks (AICP_TORTURE_SEED={chosen})")
    if os.geteuid() != 0 or not shutil.which("unshare"):
        report.row("nothing tried", "needs root and unshare")
        return report
    words = ["unshare", "--mount", "--propagation", "private", sys.executable, __file__, binary, "short" if is_short else "long"]
    with tempfile.TemporaryFile("w+") as errors:
        environment = os.environ | {"AICP_TORTURE_SEED": chosen}
        child = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment)
        for line in child.stdout:
            report.row(*json.loads(line))
        if child.wait() != 0:
            errors.seek(0)
            report.row("broken off", "", errors.read()[-2000:])
    return report


if __name__ == "__main__":
    inside(sys.argv[1], sys.argv[2] == "short", Lines())
