"""Checks of what a trainer is made of, and of what it calls."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from .. import inputs
from ..checks import instance_of, text_of
from ..data.samples import LabelledImages, Samples, check_fits
from ..network import Network
from ..parts import check_network, check_optimizer
from ..readout import Readout
from .learners import Learner


def check_learner(learner: object) -> None:
    """Raise TypeError for anything but a learner."""
    if isinstance(learner, type) or not isinstance(learner, Learner):
        kind = f"the class {learner.__name__}" if isinstance(learner, type) else text_of(learner)
        raise TypeError(f"learner is {kind}; need a learner, e.g. LocalLearner(net, feedback)")
    check_network(learner.net, "learner.net")


def check_steppers(net: Network, optimizer: object, scheduler: object) -> None:
    """Raise TypeError or ValueError for no optimizer of this network, or for no scheduler."""
    check_optimizer(net, optimizer)
    steps = callable(getattr(scheduler, "step", None)) and not isinstance(scheduler, type)
    if scheduler is not None and not steps:
        raise TypeError(f"scheduler is {text_of(scheduler)}; need a torch scheduler, or None")


def check_encoder(encoder: object) -> None:
    """Raise TypeError for anything but a function, or None."""
    if encoder is not None and (isinstance(encoder, type) or not callable(encoder)):
        raise TypeError(
            f"encoder is {text_of(encoder)}; need a function, e.g. integrate_and_fire, or None"
        )


def check_samples(net: Network, samples: object, readout: Readout, name: str) -> None:
    """Raise TypeError or ValueError for anything but samples of this network, or a loader."""
    if isinstance(samples, type | str | bytes | Tensor | Mapping):
        raise TypeError(
            f"{name} is {text_of(samples)}; need samples with labels, e.g. an ImageSet, or a loader"
            " of (x, y)"
        )
    if isinstance(samples, Samples):
        inputs.check_labels(samples.y, f"{name}.y")
        if isinstance(samples, LabelledImages):
            inputs.check_kind(samples.x, f"{name}.x")
        check_fits(net, samples, readout)
    elif not isinstance(samples, Iterable):
        raise TypeError(
            f"{name} is {text_of(samples)}; need samples with labels, e.g. an ImageSet, or a loader"
            " of (x, y)"
        )


def check_unconnected(unconnected: object, inputs: int) -> None:
    """Raise TypeError or ValueError for anything but truth values [inputs], or None."""
    if unconnected is None:
        return
    need = f"truth values of the inputs, a bool tensor [{inputs}]"
    instance_of(unconnected, Tensor, "unconnected", need)
    assert isinstance(unconnected, Tensor)  # for mypy
    dense = unconnected.layout == torch.strided and not unconnected.is_meta
    if unconnected.dtype != torch.bool or tuple(unconnected.shape) != (inputs,) or not dense:
        raise ValueError(
            f"unconnected is {unconnected.dtype} of shape {tuple(unconnected.shape)}; need {need}"
        )


def check_listener(on_batch: object) -> None:
    """Raise TypeError for anything but a function of one `Progress`, or None."""
    if on_batch is None:
        return
    fault = not callable(on_batch) or isinstance(on_batch, type)
    if callable(on_batch) and not fault:
        try:
            inspect.signature(on_batch).bind(None)
        except TypeError:
            fault = True
        except ValueError:  # functions in C have no signature to look at
            pass
    if fault:
        raise TypeError(
            f"on_batch is {text_of(on_batch)}; need a function of one argument, the progress"
        )
