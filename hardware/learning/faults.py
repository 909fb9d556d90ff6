"""Faults of a chip that learns: neurons that are dead or stuck, and synapses that transmit nothing.

They are drawn as `hardware.faults` draws them: with one seed the same neurons and synapses are
broken here and in the emulator that only runs a model. Faults that change from step to step are
refused, since learning visits samples in an order of its own. Always-on axons of biases are spared.
"""

from __future__ import annotations

import dataclasses
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ..border.checks import instance_of
from ..border.faults import Faults
from ..faults import neurons_fail, synapses_fail
from .state import LearningState

LASTING = ("dead", "stuck", "synapses")  # rates that a learning chip may have above 0
_FEEDBACK = 2000  # feedback synapses are drawn as those of layer number + _FEEDBACK


class FaultMasks(NamedTuple):
    """Faults as compiled loops take them; layers count from 0, the input has none."""

    dead: np.ndarray  # bool [layers, widest], neurons that never fire
    stuck: np.ndarray  # bool [layers, widest], neurons that fire at every step
    failed: tuple[np.ndarray, ...]  # int64 [n, 2] per layer: (pre, post) of failed synapses


def damaged(state: LearningState, faults: Faults) -> LearningState:
    """Return a copy of a state whose chip has faults from now on, in place of those it had.

    Failed synapses are 0 and stay 0, whatever is learned.

    Raises: ValueError for faults that change from step to step.

    Example:
        >>> state = start(ChipLearningParams(sizes=(4, 3, 2)))
        >>> damaged(state, Faults(synapses=1.0)).w[0][:-1].any()
        np.False_
    """
    instance_of(state, LearningState, "state", "a state, e.g. start(ChipLearningParams())")
    instance_of(faults, Faults, "faults", "Faults(dead=0.1)")
    for name in ("lost", "noise", "weight_bits", "state_bits"):
        if getattr(faults, name):
            raise ValueError(
                f"faults.{name} is {getattr(faults, name):g}; a chip that learns takes faults that"
                f" last, {', '.join(LASTING)}: set it to 0, or break the learned model (biograd"
                " deploy)"
            )
    w, w_fb, x1, means = (
        tuple(array.copy() for array in arrays)
        for arrays in (state.w, state.w_fb, state.x1, state.means)
    )
    state = dataclasses.replace(
        state, w=w, w_fb=w_fb, x1=x1, means=means, tally=state.tally.copy(), faults=faults
    )
    for weights, failed in zip(state.w, masks(state).failed, strict=True):
        weights[failed[:, 0], failed[:, 1]] = 0
    for layer in range(len(state.w_fb)):
        fail_feedback(state, layer)
    return state


def masks(state: LearningState) -> FaultMasks:
    """Return a state's faults for the compiled loops."""
    return _masks(state.faults, state.params.sizes)


def fail_feedback(state: LearningState, layer: int) -> None:
    """Set the failed feedback synapses onto a hidden layer to 0; nothing reads them by night."""
    if state.faults.synapses:
        w = state.w_fb[layer]
        w[failed_feedback(state.faults, layer, w.shape)] = 0


def failed_feedback(faults: Faults, layer: int, shape: tuple[int, ...]) -> np.ndarray:
    """Return which feedback synapses fail, boolean [populations, classes, N]."""
    return synapses_fail(faults, layer + _FEEDBACK, shape)


def layer_faults(
    faults: Faults, layer: int, sizes: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Return which neurons of a layer are dead and which are stuck, boolean [N] each."""
    dead, stuck = neurons_fail(faults, layer, sizes[layer + 1])
    spared = layer == len(sizes) - 2 and not faults.output
    return dead & (not spared), stuck & (not spared)


@lru_cache(maxsize=4)
def _masks(faults: Faults, sizes: tuple[int, ...]) -> FaultMasks:
    layers = range(len(sizes) - 1)
    dead, stuck = np.zeros((2, len(layers), max(sizes[1:])), dtype=np.bool_)
    failed = []
    for layer in layers:
        n_in, n_out = sizes[layer], sizes[layer + 1]
        dead[layer, :n_out], stuck[layer, :n_out] = layer_faults(faults, layer, sizes)
        broken = (
            np.argwhere(synapses_fail(faults, layer, (n_out, n_in)).T)
            if faults.synapses
            else np.zeros((0, 2), dtype=np.int64)
        )
        failed.append(np.ascontiguousarray(broken, dtype=np.int64))
    return FaultMasks(dead, stuck, tuple(failed))
