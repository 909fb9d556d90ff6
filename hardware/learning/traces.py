"""Compiled traces of the learning engine's synapses, rounded as Lava rounds them.

Presynaptic traces x1 are 0 .. 127, postsynaptic traces y -127 .. 127. Scalars are int64, unless
said otherwise. The model is lava-nc 0.10.0, `lava/magma/core/model/py/connection.py`.
"""

from __future__ import annotations

import numba
import numpy as np

from .. import chip
from ..compiled import compiled
from .engine import Y_KEEP
from .streams import Integer

_TRACE = chip.MAX_TRACE


@compiled
def decay_tables(
    keep: float, uniforms: np.ndarray, epoch: Integer, impulse: Integer, tables: np.ndarray
) -> None:
    """Tabulate the decay of a trace x = 0 .. 127 in each learning epoch.

    One step: floor(keep x), or 1 more where the epoch's uniform number is below the rest, as Lava
    rounds.

    Args:
        keep: float64, fraction of a trace kept per step.
        uniforms: float64 [epochs], 0 to 1.
        epoch: steps per learning epoch.
        impulse: added to a trace by a spike.
        tables: int64 [epochs, 3, 128], filled: the trace after one step, after an epoch without a
            spike, after an epoch with a spike at every step.
    """
    for e in range(tables.shape[0]):
        for x in range(128):
            kept = keep * x
            whole = np.int64(kept)
            tables[e, 0, x] = whole + (uniforms[e] < kept - whole)
        for x in range(128):
            silent = x
            for _ in range(epoch):
                silent = tables[e, 0, silent]
            tables[e, 1, x] = silent
        for x in range(128):
            tables[e, 2, x] = min(
                _TRACE, tables[e, 1, min(_TRACE, x + (epoch - 1) * impulse)] + impulse
            )


@compiled
def advance_traces(
    x1: np.ndarray,
    masks: np.ndarray,
    offset: Integer,
    epoch: Integer,
    impulse: Integer,
    tables: np.ndarray,
) -> None:
    """Advance presynaptic traces by a sample's learning epochs.

    Args:
        x1: int64 [rows], changed.
        masks: int64 [rows or more], bit t: spike in step t.
        offset: steps into the sample at which the layer's step 0 lies.
        epoch, impulse, tables: as in `decay_tables`.
    """
    every = (1 << epoch) - 1
    for i in range(x1.shape[0]):
        x = x1[i]
        mask = masks[i] << offset
        if mask == 0 and x == 0:
            continue
        for e in range(tables.shape[0]):
            within = mask & every
            mask >>= epoch
            if within == 0:
                x = tables[e, 1, x]
            elif within == every:
                x = tables[e, 2, x]
            else:
                x = _through_epoch(x, within, epoch, impulse, tables[e, 0])
        x1[i] = x


@numba.njit(inline="always")
def _through_epoch(
    x: Integer, within: Integer, epoch: Integer, impulse: Integer, one_step: np.ndarray
) -> Integer:
    """Return a trace x after a learning epoch with spikes at the set bits of `within`.

    Lava keeps the time of an epoch's last spike only: earlier ones add their impulse at once,
    before the epoch's decay. one_step: int64 [128], the trace after one step's decay.
    """
    last = -1
    for t in range(epoch):
        if (within >> t) & 1:
            if last >= 0:
                x = min(_TRACE, x + impulse)
            last = t
    for t in range(epoch):
        x = one_step[x]
        if t == last:
            x = min(_TRACE, x + impulse)
    return x


@compiled
def hold_y(y: np.ndarray, neurons: Integer, uniform: float, steps: Integer, unsigned: bool) -> None:
    """Apply `held_trace` to each neuron.

    Args:
        y: int32 [neurons or more], changed.
        uniform, steps: as in `held_trace`.
        unsigned: bool, a negative y stands for the positive trace y3.
    """
    for j in range(neurons):
        if unsigned and y[j] < 0:
            y[j] = -held_trace(-np.int64(y[j]), uniform, steps)
        elif y[j] != 0:
            y[j] = held_trace(np.int64(y[j]), uniform, steps)


@numba.njit(inline="always")
def held_trace(y: Integer, uniform: float, steps: Integer) -> Integer:
    """Return a y trace after `steps` steps of Lava's decay with tau 65535.

    uniform: float64, 0 to 1, the random number of all these steps.
    """
    for _ in range(steps):
        kept = Y_KEEP * y
        whole = np.int64(np.floor(kept))
        y = whole + (uniform < kept - whole)
    return y
