"""Model of a client's writes: the state that follows from the answers."""

import collections
import threading
from typing import NamedTuple

from callers import Outcome


class Doubt(NamedTuple):
    """A write without an answer."""

    what: str
    changes: dict
    is_piecewise: bool


class Ids:
    """Ids assigned in a run, across restarts. An id keeps its owner, even a removed one."""

    def __init__(self):
        self.owners: dict[tuple, tuple] = {}
        self.lock = threading.Lock()
        self.misses: list[str] = []

    def note(self, kind: str, value, owner: tuple) -> None:
        with self.lock:
            if self.owners.setdefault((kind, value), owner) != owner:
                self.misses.append(f"{kind} {value} is of {self.owners[kind, value]} and of {owner}")


def is_between(before, found, after) -> bool:
    """Whether a value is the old one, the new one, or a list between the two."""
    if found in (before, after):
        return True
    return isinstance(before, tuple) and isinstance(found, tuple) and set(after or ()) <= set(found) <= set(before)


class Ledger:
    """State of one client's objects by key; removed objects have none.

    An acknowledged write changes the state, a refused one does not. A write without an answer is in doubt until
    `settle`, which requires it to be stored completely or not at all."""

    def __init__(self):
        self.state: dict[tuple, object] = {}
        self.doubts: list[Doubt] = []
        self.surprises: list[str] = []
        self.done = collections.Counter()
        self.refused = collections.Counter()
        # What was last told of a refused write, by key.
        self.told: dict[tuple, str] = {}
        self.in_doubt = self.found_done = self.denied = 0
        # Set while refusals are legitimate, as on a full disk.
        self.is_lenient = False

    def write(self, what: str, changes: dict, told: Outcome, is_bad: bool = False, is_piecewise: bool = False) -> bool:
        """Records the outcome of a write that changes the state by `changes`. Returns whether it was done.

        A bad write must be refused. A piecewise one is several transactions: it may stop between objects, but not
        within one."""
        if told.is_done is None:
            self.in_doubt += 1
            self.doubts.append(Doubt(what, changes, is_piecewise))
            return False
        if told.is_done:
            self.done[what] += 1
            self.apply(changes)
        else:
            self.refused[what] += 1
            self.denied += not is_bad
            self.told |= dict.fromkeys(changes, f"{what}: {told.said}")
        if told.is_done == is_bad and not (self.is_lenient and not told.is_done):
            self.surprises.append(f"{what} {'was done' if told.is_done else 'was refused'}: {told.said} {changes}")
        return told.is_done

    def apply(self, changes: dict) -> None:
        for key, value in changes.items():
            if value is None:
                self.state.pop(key, None)
            else:
                self.state[key] = value

    def settle(self, observed: dict) -> list[str]:
        """Compares the state with the observed one, and resolves all doubts. Returns the misses."""
        misses, self.surprises = self.surprises, []
        for what, changes, is_piecewise in self.doubts:
            before = {key: self.state.get(key) for key in changes}
            found = {key: observed.get(key) for key in changes}
            if found == changes:
                self.found_done += 1
            elif found != before and not (is_piecewise and all(is_between(before[key], found[key], changes[key]) for key in changes)):
                apart = {key: (before[key], changes[key], found[key]) for key in changes if found[key] != changes[key]}
                misses.append(f"{what} is there by halves (before, after, found): {str(apart)[:600]}")
            self.apply(found)
        self.doubts = []
        for key in sorted(self.state.keys() | observed.keys(), key=str):
            wanted, found = self.state.get(key), observed.get(key)
            if wanted != found:
                told = "was lost" if found is None else "should not be there" if wanted is None else "is another"
                misses.append(f"{key} {told}: {found!r} instead of {wanted!r}; last refusal: {self.told.get(key)}"[:600])
        self.state = dict(observed)
        return misses
