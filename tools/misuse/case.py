"""The parts of a test call: a public callable, its arguments, and the ways to damage each.

    @case("Network.forward")
    def _(draw):
        net = draw.net()
        return Call(net.forward, spikes=spikes(draw, inputs=net.sizes[0]))

`Call` holds a slot per argument; a slot holds a valid value and its mutations, and each mutation
says what a good library does with it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Expectation(NamedTuple):
    """The right reaction of a library to a call."""

    returns: bool  # it may return
    refuses: bool  # it may raise a clear ValueError or TypeError
    equal: bool = False  # where it returns, the result equals that of the clean call


WRONG = Expectation(returns=False, refuses=True)
SAME = Expectation(returns=True, refuses=True, equal=True)  # another form of the same values
ALIKE = Expectation(returns=True, refuses=False, equal=True)  # the same to every reader
LEGAL = Expectation(returns=True, refuses=False)
OPEN = Expectation(returns=True, refuses=True)  # either, but cleanly


def both(first: Expectation, second: Expectation) -> Expectation:
    """Return the right reaction to a call with two mutations.

    Two that are wrong may make a legal call together (one sample more and one label more), and so
    may a wrong one beside one that changes the meaning.
    """
    if not first.returns or not second.returns:
        other = first if first.returns else second
        return WRONG if other.equal else OPEN
    return Expectation(True, first.refuses or second.refuses, first.equal and second.equal)


class Mutation(NamedTuple):
    """One way to damage a value."""

    name: str
    change: Callable[[Any], Any]  # any: the slot's own kind of value
    expected: Expectation


@dataclass
class Slot:
    """A valid argument and its mutations."""

    value: Any  # any: whatever the callable takes
    mutations: list[Mutation] = field(default_factory=list)

    def __add__(self, more: Sequence[Mutation]) -> Slot:
        return Slot(self.value, [*self.mutations, *more])

    def without(self, *names: str) -> Slot:
        """The slot less the mutations whose names start with one of these."""
        return Slot(self.value, [m for m in self.mutations if not m.name.startswith(names)])

    def expecting(self, expected: Expectation, *names: str) -> Slot:
        """The slot with another expectation for the mutations whose names start like these; for
        all where none is named.
        """
        return Slot(
            self.value,
            [
                m._replace(expected=expected) if not names or m.name.startswith(names) else m
                for m in self.mutations
            ],
        )


def fixed(value: Any) -> Slot:
    """An argument that is never damaged."""
    return Slot(value)


def instead(value: Any, *others: tuple[str, Any, Expectation]) -> Slot:
    """A valid value, and others to pass in its place: name, value, expectation."""
    return Slot(value, [Mutation(name, lambda _, v=v: v, to) for name, v, to in others])


class Call:
    """A callable and its arguments by name.

    Args:
        function: the callable, or a function around it that returns more of what it did.
        default: expected where torch's default dtype is float64 during the call.
        clean: expected of the valid call.
        errors: exceptions besides ValueError and TypeError that are a documented refusal.
        complaint: returns what is wrong with a result, or nothing.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        default: Expectation = SAME,
        clean: Expectation = ALIKE,
        errors: tuple[type[Exception], ...] = (),
        complaint: Callable[[Any], str] | None = None,
        slots: dict[str, Slot] | None = None,
        **more: Slot,
    ) -> None:
        self.function, self.default, self.clean = function, default, clean
        self.errors, self.complaint = errors, complaint
        self.slots = {**(slots or {}), **more}

    def mutations(self) -> list[tuple[str, Mutation]]:
        """Every single mutation of every argument: (argument, mutation)."""
        singles = [(name, m) for name, slot in self.slots.items() for m in slot.mutations]
        return [*singles, (DEFAULT, Mutation("float64", lambda value: value, self.default))]


DEFAULT = "default dtype"  # the argument, so to say, that every call takes from torch
CASES: dict[str, Callable[..., Call]] = {}  # by the public name that is called
MOST: dict[str, int] = {}  # calls of a case that has few mutations, by its name


def case(
    name: str, *, most: int | None = None
) -> Callable[[Callable[..., Call]], Callable[..., Call]]:
    """Enter a function that builds a call of the callable `name`; `most`: calls of it at most."""

    def enter(build: Callable[..., Call]) -> Callable[..., Call]:
        if name in CASES:
            raise ValueError(f"case {name!r} is defined twice: give each its own name")
        CASES[name] = build
        if most is not None:
            MOST[name] = most
        return build

    return enter


VARIANTS = 4  # different valid calls per callable: sizes, kinds of networks
PACE = 8  # calls of a case from the clean call of one variant to that of the next


def planned(calls: int, names: Sequence[str]) -> list[tuple[str, int]]:
    """The calls of a run, (case, number): one of each case in turn."""
    plan: list[tuple[str, int]] = []
    for number in range(calls):
        plan += [(name, number) for name in names if number < MOST.get(name, calls)]
        if len(plan) >= calls or number >= max(MOST.get(name, calls) for name in names):
            break
    return plan[:calls]


class Choice(NamedTuple):
    """The mutations of one call: none, one or two (argument, mutation)."""

    variant: int
    mutated: tuple[tuple[str, Mutation], ...]
    clean: Expectation = ALIKE

    @property
    def expected(self) -> Expectation:
        """The right reaction to the call."""
        expected = self.clean
        for _, mutation in self.mutated:
            expected = both(expected, mutation.expected)
        return expected

    @property
    def text(self) -> str:
        """The mutations in words."""
        return " and ".join(f"{name}: {m.name}" for name, m in self.mutated) or "nothing changed"


def choose(name: str, seed: int, number: int, build: Callable[[int], Call]) -> tuple[Choice, Call]:
    """Call `number` of a case: the clean call of a variant, each single mutation in an order drawn
    from the seed, then pairs.
    """
    pace = 1 if name in MOST else PACE
    if number % pace == 0 and number < VARIANTS * pace:
        call = build(number // pace)
        return Choice(number // pace, (), call.clean), call
    rng = random.Random(f"{seed}:{name}:{number}")
    variant = rng.randrange(VARIANTS)
    call = build(variant)
    singles = call.mutations()
    order = list(range(len(singles)))
    random.Random(f"{seed}:{name}").shuffle(order)
    at = number - min(VARIANTS, number // pace + 1)
    if at < len(singles):
        return Choice(variant, (singles[order[at]],), call.clean), call
    first, second = rng.choice(singles), rng.choice(singles)
    pair = (first, second) if first[0] != second[0] else (first,)
    return Choice(variant, pair, call.clean), call
