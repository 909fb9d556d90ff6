"""Constants of the compiled loops, by name: numba passes named tuples like plain numbers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .. import chip
from .engine import Product, trace_keep
from .params import ROUNDINGS, ChipLearningParams


class ChipConstants(NamedTuple):
    """Constants of a run, by day and by night. Voltages and currents: 1/64 of a weight's unit."""

    steps: int  # with input spikes, of a sample
    period: int  # steps from one sample to the next
    epoch: int  # steps per learning epoch
    vth: int  # threshold, weight units
    keep_u: int  # current kept per step, 1/4096
    keep_v: int  # voltage kept per step, 1/4096
    psi_window: int  # psi counts the steps with |v - threshold| below it
    margin_positive: int  # steps that the sample's class may stay silent
    margin_negative: int  # spikes that another class may fire
    x1_keep: float  # presynaptic trace kept per step, 1
    x1_impulse: int  # added to a presynaptic trace by a spike
    shift_hidden: int  # bits dropped from v_apical psi gain
    shift_output: int  # bits dropped from err gain
    up: int  # bits by which x1 y2 is shifted up, in 1/128 of a weight unit
    rounding: int  # index in ROUNDINGS
    bits: int  # of the accumulator below a weight's step
    step: int  # distance between neighbouring weights
    seed: int


class Gains(NamedTuple):
    """Gains of the third factor, 1."""

    hidden: int
    output: int


class SleepConstants(NamedTuple):
    """Constants of a sleep phase."""

    steps: int  # of the phase
    rate: int  # spikes per step of the driving noise, 1/65536
    drive: int  # current in place of the mean, 1/64 of a weight unit per step
    mean_shift: int  # mean current: m += (current - m) >> mean_shift
    # int64 [2, 2]: trace y1, y2 (row) of a neuron without and with a noise spike (column)
    y_noise: np.ndarray
    # int64 [products, 3]: signed x1, shift right, shift left of the products x1 y1, x1 y2
    hebb: np.ndarray
    # y3, shift right, shift left of the product -w y3, applied at the last step
    forget_y3: int
    forget_right: int
    forget_left: int


def chip_constants(params: ChipLearningParams) -> ChipConstants:
    """Return the constants of a run."""
    return ChipConstants(
        steps=params.steps,
        period=params.period,
        epoch=params.epoch,
        vth=params.vth,
        keep_u=chip.DECAY_UNITY - (params.du + 1),
        keep_v=chip.DECAY_UNITY - params.dv,
        psi_window=params.psi_window,
        margin_positive=params.margin_positive,
        margin_negative=params.margin_negative,
        x1_keep=trace_keep(params.x1_tau),
        x1_impulse=params.x1_impulse,
        shift_hidden=params.shift_hidden,
        shift_output=params.shift_output,
        up=params.exponent + 7,
        rounding=ROUNDINGS.index(params.rounding),
        bits=params.rounding_bits,
        step=params.weight_step,
        seed=params.seed,
    )


def sleep_constants(params: ChipLearningParams) -> SleepConstants:
    """Return the constants of a sleep phase."""
    signed, sleep = params.populations == 1, params.sleep
    y1 = (-1, sleep.spike_step) if signed else (0, sleep.spike_step + 1)
    y2 = (0, 0) if signed else (1, 1)
    *hebbian, forget = params.feedback_rule.products
    hebb = [(p.mantissa * params.feedback_impulse, *_shifts(p)) for p in hebbian]
    forget_right, forget_left = _shifts(forget)
    return SleepConstants(
        steps=params.night,
        rate=sleep.rate,
        drive=params.sleep_drive,
        mean_shift=sleep.mean_shift,
        y_noise=np.array([y1, y2], dtype=np.int64),
        hebb=np.array(hebb, dtype=np.int64),
        forget_y3=params.forget_trace,
        forget_right=forget_right,
        forget_left=forget_left,
    )


def _shifts(product: Product) -> tuple[int, int]:
    """Return the bits dropped from a product, then those it is shifted up, in 1/128 of a weight."""
    return product.shift, product.exponent + 7
