"""Descriptions of networks in words, e.g. "32c5s2-64c3s2-128-10"."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .kinds import Connection, Conv2d, Dense, Flatten
from .pools import AvgPool2d, MaxPool2d, Pool, SumPool2d

Part = Connection | Pool | Flatten | int  # of a network; int: a Dense of that size

POOLS: dict[str, type[Pool]] = {"avg": AvgPool2d, "sum": SumPool2d, "max": MaxPool2d}
_CONV = re.compile(r"(\d+)c(\d+)((?:[spdg]\d+)*)")
_POOL = re.compile(rf"({'|'.join(POOLS)})(\d+)(?:s(\d+))?")
_OPTIONS = {"s": "stride", "p": "padding", "d": "dilation", "g": "groups"}
_FORMS = (
    "128 (dense), 32c5s2p0 (channels, c, kernel; then stride s, padding p, dilation d, groups g),"
    " avg2, sum2 or max2s1 (a pool of the spikes), 32c5+max2 (a pool of the currents)"
)


def parse(description: str) -> list[Part]:
    """Return the parts of a network from the words between hyphens.

        128          128 neurons, dense
        32c5s2p0     32 channels, kernels 5 x 5, stride 2, padding 0; d2: dilation, g4: groups
        avg2, sum2, max2, max3s2    a pool of the spikes before it, window and stride
        32c5+max2    a pool of the currents of that layer, before its neurons

    Raises: ValueError naming the word that is none of these.

    Example:
        >>> parse("8c5s2-avg2-10")
        [Conv2d(channels=8, kernel=5, stride=2, padding=None, dilation=1, groups=1, pool=None), \
AvgPool2d(window=2, stride=None), Dense(size=10)]
    """
    if not isinstance(description, str):
        raise TypeError(f"the description of the network is {description!r}; need words: {_FORMS}")
    return [_part(word, description) for word in description.strip().split("-")]


def describe(parts: Sequence[Part]) -> str:
    """Return the description of parts; the inverse of `parse`.

    Example:
        >>> describe(parse("8c5s2p0+max2-avg2-10"))
        '8c5s2p0+max2-avg2-10'
    """
    return "-".join(_word(part) for part in parts if not isinstance(part, Flatten))


def _part(word: str, description: str) -> Part:
    layer, plus, pool = word.strip().partition("+")
    pooled = _pool(pool, word, description) if plus else None
    if layer.isdecimal() and not plus and int(layer):
        return Dense(int(layer))
    if conv := _CONV.fullmatch(layer):
        options = re.findall(r"([spdg])(\d+)", conv[3])
        letters = [letter for letter, _ in options]
        if len(set(letters)) == len(letters):
            named = {_OPTIONS[letter]: int(number) for letter, number in options}
            return Conv2d(int(conv[1]), int(conv[2]), pool=pooled, **named)
    if not plus and _POOL.fullmatch(layer):
        return _pool(layer, word, description)
    raise ValueError(f"{word!r} in the network {description!r} is no layer; known: {_FORMS}")


def _pool(text: str, word: str, description: str) -> Pool:
    pool = _POOL.fullmatch(text)
    if not pool:
        raise ValueError(f"{word!r} in the network {description!r} is no layer; known: {_FORMS}")
    return POOLS[pool[1]](int(pool[2]), int(pool[3]) if pool[3] else None)


def _word(part: Part) -> str:
    match part:
        case int():
            return str(part)
        case Dense():
            return str(part.size)
        case Pool():
            name = next(name for name, kind in POOLS.items() if type(part) is kind)
            return f"{name}{part.window}" + (f"s{part.stride}" if part.stride else "")
        case Conv2d():
            word = f"{part.channels}c{part.kernel}"
            for letter, name in _OPTIONS.items():
                value = getattr(part, name)
                word += f"{letter}{value}" if value != getattr(Conv2d(1, 1), name) else ""
            return word + (f"+{_word(part.pool)}" if part.pool else "")
        case _:
            raise ValueError(f"{part!r} has no word in a description")
