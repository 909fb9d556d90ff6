"""Equality of results by their contents, whatever their dtype."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

PASSING = ("seconds", "night_seconds", "samples_per_second")  # differ from call to call
CLOSE = 1e-5  # relative: another layout of the same numbers is summed in another order
DEEPEST = 8  # levels of objects within objects


def contents(thing: Any, depth: int = 0) -> Any:  # any: whatever a callable returns
    """A result as nested tuples of plain values and NumPy arrays."""
    if depth > DEEPEST:
        return type(thing).__name__
    within = depth + 1
    if isinstance(thing, Tensor):
        thing = thing.detach()
        if thing.is_meta:
            return ("meta", tuple(thing.shape))
        thing = thing.to_dense().cpu() if thing.layout is not torch.strided else thing.cpu()
        return thing.double().numpy() if thing.is_floating_point() else thing.numpy()
    if isinstance(thing, np.ndarray):
        return thing
    if isinstance(thing, np.generic):
        return thing.item()
    if isinstance(thing, nn.Module):
        state = contents(dict(thing.state_dict()), within)
        return (type(thing).__name__, state, getattr(thing, "sizes", ()))
    if isinstance(thing, torch.optim.Optimizer):
        return contents(thing.state_dict(), within)
    if isinstance(thing, dict):
        kept = {key: value for key, value in thing.items() if key not in PASSING}
        return tuple((str(key), contents(value, within)) for key, value in kept.items())
    if isinstance(thing, list | tuple):
        names = getattr(thing, "_fields", [""] * len(thing))
        pairs = zip(names, thing, strict=True)
        return tuple(contents(part, within) for name, part in pairs if name not in PASSING)
    if isinstance(thing, torch.Generator):
        return contents(thing.get_state(), within)
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        fields = {f.name: getattr(thing, f.name) for f in dataclasses.fields(thing)}
        return (type(thing).__name__, contents(fields, within))
    if isinstance(thing, bool | int | float | complex | str | bytes | Path | type(None)):
        return thing
    if callable(thing) or not hasattr(thing, "__dict__"):
        return type(thing).__name__
    return (type(thing).__name__, contents(vars(thing), within))


def equal(a: Any, b: Any) -> bool:  # any: what `contents` returns
    """Return whether two contents are equal; nan equals nan, 1 equals 1.0."""
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        if not (isinstance(a, np.ndarray) and isinstance(b, np.ndarray)) or a.shape != b.shape:
            return np.ndim(a) == np.ndim(b) == 0 and bool(np.equal(a, b))
        if a.dtype.hasobject or b.dtype.hasobject or a.dtype.names or b.dtype.names:
            return a.tolist() == b.tolist()
        if a.dtype.kind in "fc" and b.dtype.kind in "fc":
            return bool(np.allclose(a, b, rtol=CLOSE, atol=CLOSE / 10, equal_nan=True))
        return bool(np.array_equal(a, b))
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(equal(x, y) for x, y in zip(a, b, strict=True))
    return bool(a == b) or (a != a and b != b)
