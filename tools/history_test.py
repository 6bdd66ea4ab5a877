#!/usr/bin/env python3
"""Tests of the checker of histories."""

import itertools
import math
import random
import time
import unittest

from history import DONE, EXISTS, MISSING, UNKNOWN, Call, describe, first_wrong


def enrol(begun, ended, told):
    return Call("enrol", begun, ended, told)


def remove(begun, ended, about, told):
    return Call("remove", begun, ended, told, about)


def see(begun, ended, told, stale=0.0):
    return Call("see", begun, ended, told, stale=stale)


class Explained(unittest.TestCase):
    def check(self, *calls):
        wrong = first_wrong(list(calls))
        self.assertIsNone(wrong, wrong and describe(list(calls), wrong))

    def test_nothing(self):
        self.check()

    def test_one_after_the_other(self):
        self.check(see(0, 1, None), enrol(2, 3, "a"), see(4, 5, "a"), enrol(5, 6, EXISTS), remove(7, 8, "a", DONE), see(9, 10, None),
                   remove(11, 12, "a", MISSING), enrol(13, 14, "b"), see(15, 16, "b"))

    def test_two_at_once(self):
        self.check(enrol(0, 9, "a"), see(1, 2, "a"), see(1, 2, None), see(3, 4, "a"))
        self.check(enrol(0, 9, "a"), enrol(0, 9, EXISTS))
        self.check(enrol(0, 9, "b"), remove(0, 9, "a", DONE), enrol(0, 9, "a"))

    def test_an_unknown_enrolment_may_be_done_late_or_never(self):
        unknown = Call("enrol", 0, 1)
        self.check(unknown, see(2, 3, None), see(100, 101, "a"), remove(102, 103, "a", DONE))
        self.check(unknown, see(2, 3, None), enrol(4, 5, "b"), see(100, 101, "b"))
        self.check(unknown, enrol(4, 5, EXISTS))

    def test_an_unknown_removal_may_be_done_late_or_never(self):
        unknown = Call("remove", 2, 3, about="a")
        self.check(enrol(0, 1, "a"), unknown, see(4, 5, "a"), see(6, 7, None))
        self.check(enrol(0, 1, "a"), unknown, see(4, 5, "a"), remove(6, 7, "a", DONE))
        self.check(enrol(0, 1, "a"), unknown, remove(6, 7, "a", MISSING))

    def test_a_stale_answer_within_its_time(self):
        self.check(enrol(0, 1, "a"), remove(2, 3, "a", DONE), see(3.9, 4, "a", stale=1))


class NotExplained(unittest.TestCase):
    def check(self, *calls):
        self.assertIs(first_wrong(list(calls)), calls[-1])
        self.assertIn("<--", describe(list(calls), calls[-1]))

    def test_a_lost_enrolment(self):
        self.check(enrol(0, 1, "a"), see(2, 3, None))
        self.check(enrol(0, 1, "a"), enrol(2, 3, "b"))

    def test_a_lost_removal(self):
        self.check(enrol(0, 1, "a"), remove(2, 3, "a", DONE), see(4, 5, "a"))
        self.check(enrol(0, 1, "a"), remove(2, 3, "a", DONE), enrol(4, 5, EXISTS))

    def test_somebody_comes_back(self):
        self.check(enrol(0, 1, "a"), remove(2, 3, "a", DONE), see(4, 5, None), see(6, 7, "a"))

    def test_removed_twice(self):
        self.check(enrol(0, 1, "a"), remove(2, 3, "a", DONE), remove(4, 5, "a", DONE))

    def test_two_at_once_that_both_won(self):
        calls = [enrol(0, 9, "a"), enrol(0, 9, "b")]
        self.assertIsNotNone(first_wrong(calls))
        calls = [enrol(0, 1, "a"), remove(2, 9, "a", DONE), remove(2, 9, "a", DONE)]
        self.assertIsNotNone(first_wrong(calls))

    def test_an_unknown_enrolment_is_done_once(self):
        self.check(Call("enrol", 0, 1), see(2, 3, "a"), remove(4, 5, "a", DONE), see(6, 7, "a"))
        self.check(Call("enrol", 0, 1), see(2, 3, "a"), remove(4, 5, "a", DONE), see(6, 7, "b"))
        self.check(see(2, 3, "a"))

    def test_nothing_is_done_before_its_begin(self):
        self.assertIsNotNone(first_wrong([see(0, 1, "a"), Call("enrol", 2, 3)]))
        self.assertIsNotNone(first_wrong([enrol(0, 1, "a"), see(2, 3, None), Call("remove", 4, 5, about="a")]))

    def test_staleness_has_an_end(self):
        self.check(enrol(0, 1, "a"), remove(2, 3, "a", DONE), see(4.1, 5, "a", stale=1))

    def test_two_looks_that_contradict_each_other(self):
        calls = [enrol(0, 9, "a"), see(1, 2, "a"), see(3, 4, None)]
        self.assertIsNotNone(first_wrong(calls))


def has_order(calls) -> bool:
    """The same by trying every order of every selection."""
    known = [call for call in calls if call.told != UNKNOWN]
    unknown = [call for call in calls if call.told == UNKNOWN]
    given = {call.told for call in known if call.kind == "enrol"}
    late = {call.told if call.kind == "see" else call.about for call in known if call.kind == "see" or call.told == DONE} - given - {None}
    for number in range(len(unknown) + 1):
        for chosen in itertools.combinations(unknown, number):
            for order in itertools.permutations([*known, *chosen]):
                if all(not before_must(later, earlier) for earlier, later in itertools.combinations(order, 2)) and fits(order, late):
                    return True
    return False


def before_must(one, other) -> bool:
    """Whether a call was over before the other began."""
    return one.told != UNKNOWN and one.ended < other.since


def fits(order, late, state=None) -> bool:
    for index, call in enumerate(order):
        if call.told == UNKNOWN and call.kind == "enrol":
            if state is not None:
                return False
            return any(fits(order[index + 1:], late - {name}, name) for name in [*late, "nobody knows"])
        if call.told == UNKNOWN:
            is_fit, state = state == call.about, None
        else:
            is_fit, state = call.after(state)
        if not is_fit:
            return False
    return True


def history_at_random(dice: random.Random):
    names, calls = ["a", "b", "c"], []
    given = iter(names)
    for _ in range(dice.randint(1, 6)):
        begun = dice.randint(0, 12)
        ended = begun + dice.randint(1, 6)
        kind = dice.choice(["enrol", "remove", "see"])
        if kind == "enrol":
            calls.append(enrol(begun, ended, dice.choice([EXISTS, UNKNOWN, next(given, EXISTS), next(given, EXISTS)])))
        elif kind == "remove":
            calls.append(remove(begun, ended, dice.choice(names), dice.choice([DONE, DONE, MISSING, UNKNOWN])))
        else:
            calls.append(see(begun, ended, dice.choice([None, *names]), dice.choice([0, 2])))
    return calls


class AsByTrying(unittest.TestCase):
    def test_random_histories(self):
        dice, explained = random.Random(1), 0
        for _ in range(4000):
            calls = history_at_random(dice)
            expected = has_order(calls)
            explained += expected
            self.assertEqual(first_wrong(calls) is None, expected, calls)
        # Both happen often.
        self.assertTrue(400 < explained < 3600, explained)


class Long(unittest.TestCase):
    def test_a_long_history_is_quick(self):
        """Eight callers at once, some of whose calls have no outcome, on one person."""
        dice, begun = random.Random(2), time.monotonic()
        calls, state, now, number = [], None, 0.0, 0
        for _ in range(20_000):
            now += dice.random() * 0.1
            start, end = now - dice.random() * 0.4, now + dice.random() * 0.4
            kind = dice.choice(["see", "see", "enrol", "remove"])
            is_unknown = dice.random() < 0.02
            if kind == "see":
                calls.append(see(start, end, state, stale=1.0))
            elif kind == "enrol" and state is None:
                number += 1
                state = f"p{number}"
                calls.append(enrol(start, end, UNKNOWN if is_unknown else state))
            elif kind == "enrol":
                calls.append(enrol(start, end, EXISTS))
            elif state is not None:
                calls.append(remove(start, math.inf if is_unknown else end, state, UNKNOWN if is_unknown else DONE))
                state = None
        self.assertIsNone(first_wrong(calls))
        self.assertLess(time.monotonic() - begun, 8)


if __name__ == "__main__":
    unittest.main()
