"""Checks what calls about one person were told: is there an order of the calls that explains every answer?

The search is that of Wing and Gong, breadth first, with Lowe's memory of the combinations of state and done calls. A call takes effect at one
moment between its begin and its end. A call with an unknown outcome takes effect at any moment after its begin, or never. There is no limit to
that: no id is given twice, so each late effect is told from any other.

A person is there under one id, or is not there.

    enrol   told an id: nobody was there, and now this id is.  EXISTS: somebody was there.
    remove  of the id `about`.  DONE: it was there, and is gone.  MISSING: it was not there.
    see     told an id: it was there.  None: nobody was there.
"""

import collections
import dataclasses
import math

UNKNOWN, EXISTS, DONE, MISSING = "unknown", "exists", "done", "missing"
# Somebody whose id nobody has been told.
NAMELESS = "nameless"
# More combinations than any sound history has at a time.
MOST = 200_000


@dataclasses.dataclass(eq=False)
class Call:
    kind: str
    begun: float
    ended: float = math.inf
    told: str | None = UNKNOWN
    about: str | None = None
    # So long before its begin a call may see the state, too.
    stale: float = 0.0
    # Where it came from, for whoever reads about it.
    note: str = ""

    @property
    def since(self) -> float:
        return self.begun - self.stale

    @property
    def changes(self) -> bool:
        return (self.kind == "enrol" and self.told != EXISTS) or (self.kind == "remove" and self.told == DONE)

    def after(self, state: str | None) -> tuple[bool, str | None]:
        """Returns whether the answer fits a state, and the state after it."""
        if self.kind == "see":
            return state == self.told, state
        if self.kind == "remove":
            return (True, None) if self.told == DONE and state == self.about else (self.told == MISSING and state != self.about, state)
        if self.told == EXISTS:
            return state is not None, state
        return state is None, self.told


class TooMany(Exception):
    """A history has more possible orders than can be looked at."""


def nameless_ids(calls: list[Call]) -> dict[str, float]:
    """Returns the ids that were made by enrolments with an unknown outcome, and when each is heard of last."""
    given = {call.told for call in calls if call.kind == "enrol"}
    heard: dict[str, float] = collections.defaultdict(float)
    for call in calls:
        name = call.told if call.kind == "see" else call.about if call.told == DONE else None
        if name is not None and name not in given:
            heard[name] = max(heard[name], call.ended)
    return dict(heard)


class Search:
    """The possible states of a person while the calls go by. A possibility is a state, the number of enrolments with an unknown outcome that it has
    used, those of their ids that it has used, and the calls that are not over and have taken effect."""

    def __init__(self, calls: list[Call]):
        self.calls = calls
        self.late = nameless_ids(calls)
        self.open: dict[int, Call] = {}
        self.unknown_enrolments = 0
        self.unknown_removals: set[str] = set()
        self.possible = {(None, 0, frozenset(), frozenset())}

    def first_wrong(self) -> Call | None:
        """Returns the first call whose answer no order explains."""
        events = []
        for index, call in enumerate(self.calls):
            events.append((call.since, 0, index))
            if call.told != UNKNOWN:
                events.append((call.ended, 1, index))
        for now, is_end, index in sorted(events):
            call = self.calls[index]
            if not is_end:
                self.begin(index, call)
            elif not self.end(index, now):
                return call
        return None

    def begin(self, index: int, call: Call) -> None:
        if call.told != UNKNOWN:
            self.open[index] = call
        elif call.kind == "enrol":
            self.unknown_enrolments += 1
        else:
            self.unknown_removals.add(call.about)

    def end(self, index: int, now: float) -> bool:
        # An id that is not heard of any more is like any other such id.
        self.late = {name: last for name, last in self.late.items() if last >= now}
        waiting = [self.with_looks((state, used, ids.intersection(self.late), done)) for state, used, ids, done in self.possible]
        seen, kept = set(waiting), set()
        while waiting:
            one = waiting.pop()
            state, used, ids, done = one
            if index in done:
                kept.add((state, used, ids, done - {index}))
                continue
            for other in map(self.with_looks, self.next(one)):
                if other not in seen:
                    seen.add(other)
                    waiting.append(other)
            if len(seen) > MOST:
                raise TooMany(f"{len(seen)} possibilities")
        del self.open[index]
        self.possible = least(kept)
        return bool(kept)

    def with_looks(self, one: tuple) -> tuple:
        """Calls that change nothing take effect as soon as they can: that excludes nothing."""
        state, used, ids, done = one
        looks = [index for index, call in self.open.items() if not call.changes and index not in done and call.after(state)[0]]
        return state, used, ids, done.union(looks)

    def next(self, one: tuple):
        state, used, ids, done = one
        for index, call in self.open.items():
            if call.changes and index not in done:
                fits, after = call.after(state)
                if fits:
                    yield after, used, ids, done | {index}
        if state is None and used < self.unknown_enrolments:
            yield NAMELESS, used + 1, ids, done
            for name in self.late.keys() - ids:
                yield name, used + 1, ids | {name}, done
        if state in self.unknown_removals:
            yield None, used, ids, done


def least(possible: set) -> set:
    """Leaves out what another possibility can do as well with fewer enrolments of an unknown outcome."""
    fewest: dict[tuple, int] = {}
    for state, used, ids, done in possible:
        key = (state, ids, done)
        fewest[key] = min(used, fewest.get(key, used))
    return {(state, used, ids, done) for (state, ids, done), used in fewest.items()}


def first_wrong(calls: list[Call]) -> Call | None:
    return Search(calls).first_wrong()


def describe(calls: list[Call], wrong: Call, most: int = 10) -> str:
    """Tells of a call that nothing explains, with the calls before it, in seconds from its begin."""
    near = sorted((call for call in calls if call.since <= wrong.ended), key=lambda call: call.begun)[-most:]

    def line(call: Call) -> str:
        end = "…" if math.isinf(call.ended) else f"{call.ended - wrong.begun:+.3f}"
        about = f" of {call.about}" if call.about else ""
        mark = "  <-- fits no order" if call is wrong else ""
        return f"    {call.begun - wrong.begun:+.3f} to {end}: {call.kind}{about}: {call.told} {call.note}{mark}"

    return "\n".join(line(call) for call in near)
