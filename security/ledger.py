"""What a client's writes should have left, by what it was answered."""

import collections
import threading
from typing import NamedTuple

from callers import Told


class Doubt(NamedTuple):
    """A write that was not answered."""

    what: str
    changes: dict
    is_piecewise: bool


class Ids:
    """Ids that were handed out, by any server of a run. Each belongs to one thing for ever."""

    def __init__(self):
        self.owners: dict[tuple, tuple] = {}
        self.lock = threading.Lock()
        self.misses: list[str] = []

    def note(self, kind: str, value, owner: tuple) -> None:
        with self.lock:
            if self.owners.setdefault((kind, value), owner) != owner:
                self.misses.append(f"{kind} {value} is of {self.owners[kind, value]} and of {owner}")


def is_between(before, found, after) -> bool:
    """Whether a thing is as it was or as it was to be, or a list on its way to a shorter one."""
    if found in (before, after):
        return True
    return isinstance(before, tuple) and isinstance(found, tuple) and set(after or ()) <= set(found) <= set(before)


class Ledger:
    """The things of one client, by keys of its own choice; what is gone has no key.

    An acknowledged write changes them, a refused one does not, and one without an answer is in doubt until somebody looks: then it
    must be there as a whole or not at all."""

    def __init__(self):
        self.state: dict[tuple, object] = {}
        self.doubts: list[Doubt] = []
        self.surprises: list[str] = []
        self.done = collections.Counter()
        self.refused = collections.Counter()
        self.in_doubt = self.found_done = self.denied = 0
        # Whether refusals are to be expected, as on a full disk.
        self.is_lenient = False

    def write(self, what: str, changes: dict, told: Told, is_bad: bool = False, is_piecewise: bool = False) -> bool:
        """Takes down what came of a write that would change things so. Returns whether it was done.

        One that is bad must be refused. A piecewise one may stop between things, not within one."""
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
        """Compares with what there is, which ends all doubts. Returns what should not be."""
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
                misses.append(f"{key} {told}: {found!r} instead of {wanted!r}"[:600])
        self.state = dict(observed)
        return misses
