"""What happens to a cluster under torture: faults of nodes, of the network, of the database, of the S3 server and of vendors' engines."""

import collections
import random
import signal
import threading
import time

from cluster import Cluster, Node
from cluster_clients import Caller, Person
from cluster_engines import Engine
from cluster_net import WAYS, Network
from patroni import Group

LEADER = "kill the leader of the database"
# Seconds until there is a new one.
NEW_LEADER = 40
# The faults, and how often each of them happens.
KINDS = {
    "kill a node": 5,
    "end a node": 2,
    "stop a node": 4,
    "cut a node off": 6,
    "kill the S3 server": 2,
    LEADER: 1,
    "kill an engine": 3,
    "lose answers of the engines": 3,
}
OF_NODES = ("kill a node", "end a node", "stop a node", "cut a node off")
# Seconds between two faults.
PAUSE = (0.5, 2.5)
# Probability that the next fault does not wait for the end of this one. None waits for a new leader.
AT_ONCE = 0.4
# Nodes that may be in trouble at once.
NODES_AT_ONCE = 2
# Seconds for which a node is stopped or cut off.
STOPPED, CUT = (0.2, 6.0), (0.3, 8.0)
# A node that is cut off for so long must not answer, and is asked. It says so after three seconds.
SILENT, ASKED = 1.5, 8
# A node starts again and again until there is a database.
LONGEST = 120
# A node ends with this code to be started anew: another one has its number, which it lost while it was cut off.
ANEW = 75


class Faults:
    def __init__(self, cluster: Cluster, network: Network, database: Group, engines: list[Engine], known: Person, seed: str):
        self.cluster, self.network, self.database, self.engines, self.known = cluster, network, database, engines, known
        self.random = random.Random(f"{seed} faults")
        self.ways = self.random.sample(WAYS, len(WAYS))
        self.made: collections.Counter = collections.Counter()
        # Seconds until all was as before.
        self.longest: collections.Counter = collections.Counter()
        self.wrong: list[str] = []
        # What is in trouble now.
        self.troubled: set[object] = set()
        self.lock = threading.Lock()
        self.threads: list[threading.Thread] = []
        self.is_over = threading.Event()
        threading.Thread(target=self.supervise, name="supervisor", daemon=True).start()

    def supervise(self) -> None:
        """Starts nodes that have ended by themselves."""
        while not self.is_over.wait(0.2):
            for node in self.cluster.nodes:
                if node.process.poll() is not None and self.takes(node):
                    threading.Thread(target=self.make, args=(node, "start a node", self.end, node, True), daemon=True).start()

    def takes(self, target: object) -> bool:
        """Marks something as in trouble, unless it is."""
        with self.lock:
            if target in self.troubled:
                return False
            self.troubled.add(target)
            return True

    def wait(self) -> None:
        """Waits until every node answers."""
        until = time.monotonic() + LONGEST
        while not all(node.is_ready() for node in self.cluster.nodes):
            if time.monotonic() > until:
                self.wrong.append("not all nodes are ready")
                return
            time.sleep(0.5)

    def run(self, seconds: float) -> None:
        """Makes each fault once, in any order, then any, for some time."""
        until, first = time.monotonic() + seconds, self.random.sample(list(KINDS), len(KINDS))
        # The loss that lasts longest is among the first ones.
        first.remove(LEADER)
        first.insert(self.random.randrange(3), LEADER)
        while first or time.monotonic() < until:
            time.sleep(self.random.uniform(*PAUSE))
            kind = first[0] if first else self.random.choices(list(KINDS), KINDS.values())[0]
            if kind == LEADER and not first and time.monotonic() + NEW_LEADER > until:
                continue
            thread = self.begin(kind)
            if thread and first:
                first.pop(0)
            if thread and self.random.random() >= AT_ONCE and kind != LEADER:
                thread.join(LONGEST)
        for thread in self.threads:
            thread.join(LONGEST)
            if thread.is_alive():
                self.wrong.append(f"no end of the fault: {thread.name}")
        self.wait()

    def begin(self, kind: str) -> threading.Thread | None:
        """Begins a fault. `None`: what it needs is in trouble."""
        if kind in OF_NODES:
            free = [node for node in self.cluster.nodes if node not in self.troubled]
            if len(self.cluster.nodes) - len(free) >= NODES_AT_ONCE:
                return None
            target, name = self.random.choice(free), kind
            if kind == "stop a node":
                what = (self.stop, target, self.random.uniform(*STOPPED))
            elif kind == "cut a node off":
                # Each way once, then any.
                way = self.ways.pop() if self.ways else self.random.choice(WAYS)
                what, name = (self.cut, target, way, self.random.uniform(*CUT)), f"{kind}: {way}"
            else:
                what = (self.end, target, kind == "kill a node")
        elif kind == "kill the S3 server":
            target, name, what = self.cluster.bucket, kind, (self.kill_bucket,)
        elif kind == LEADER:
            target, name, what = self.database, kind, (self.kill_leader,)
        elif kind == "kill an engine":
            target = self.random.choice(self.engines)
            name, what = f"{kind}: {target.vendor}", (self.kill_engine, target, self.random.uniform(0, 3))
        else:
            target, name, what = kind, kind, (self.lose_answers, self.random.getrandbits(32))
        if not self.takes(target):
            return None
        self.made[name] += 1
        thread = threading.Thread(target=self.make, args=(target, name, *what), name=name, daemon=True)
        self.threads.append(thread)
        thread.start()
        return thread

    def make(self, target: object, name: str, fault, *arguments) -> None:
        begun = time.monotonic()
        try:
            fault(*arguments)
            kind = name.partition(":")[0]
            self.longest[kind] = max(self.longest[kind], time.monotonic() - begun)
        except (Exception, SystemExit) as error:  # Told at the end.
            self.wrong.append(f"{name}: {error!r}")
        finally:
            self.troubled.discard(target)

    def end(self, node: Node, at_once: bool) -> None:
        if node.process.poll() == ANEW:
            self.made["a node has lost its number to another one, and starts anew"] += 1
        elif node.process.poll() is not None:
            self.wrong.append(f"{node.folder.name} has ended by itself with {node.process.returncode}")
        if at_once:
            node.kill()
        else:
            node.stop()
        self.start(node)

    def start(self, node: Node) -> None:
        """Starts a node as a supervisor does: one that finds no database that takes writes ends."""
        until = time.monotonic() + LONGEST
        while time.monotonic() < until:
            node.start()
            while node.process.poll() is None and time.monotonic() < until:
                if node.is_ready():
                    return
                time.sleep(0.05)
            time.sleep(0.5)
        raise SystemExit(f"{node.folder.name} did not start: {(node.folder / 'log').read_text()[-2000:]}")

    def stop(self, node: Node, seconds: float) -> None:
        node.process.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        node.process.send_signal(signal.SIGCONT)

    def cut(self, node: Node, way: str, seconds: float) -> None:
        until = time.monotonic() + seconds
        self.network.cut(node, way)
        try:
            if seconds >= SILENT:
                time.sleep(SILENT)
                self.ask(node, way)
            time.sleep(max(0.0, until - time.monotonic()))
        finally:
            self.network.join(node, way)

    def ask(self, node: Node, way: str) -> None:
        """Whoever is on the same side as a node that is cut off must get no answer from its memory."""
        caller, begun = Caller(node.address, node.port, ASKED), time.monotonic()
        status, _ = self.network.inside(node, lambda: caller.search(self.known))
        self.made[f"a node that is cut off is asked: {status or 'no answer'}"] += 1
        if status not in (0, 503):
            self.wrong.append(f"{node.folder.name}, cut off ({way}) for {SILENT} s, answered {status} after {time.monotonic() - begun:.3f} s")

    def kill_leader(self) -> None:
        lost = self.database.kill_leader()
        time.sleep(1)
        self.database.wait()
        if lost:
            lost.start()

    def kill_bucket(self) -> None:
        self.cluster.bucket.kill()
        self.cluster.bucket.__enter__()

    def kill_engine(self, engine: Engine, seconds: float) -> None:
        engine.kill()
        time.sleep(seconds)
        engine.start()

    def lose_answers(self, seed: int) -> None:
        for engine in self.engines:
            try:
                engine.lose_answers(seed)
            except OSError:
                # It has just been killed.
                self.made["lose answers of the engines: not reached"] += 1
