"""The state of a training run: taken, checked, and put back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from torch import Tensor

from ..checks import instance_of, text_of, whole_number
from ..tensors import set_state

if TYPE_CHECKING:
    from .trainer import Trainer

State = dict[str, Any]  # any: tensors, numbers, and dictionaries of these
POSITION = ("epoch", "batch", "seconds", "night_seconds", "correct", "error")


def state_of(trainer: Trainer) -> State:
    """Return the whole state of a run: tensors, numbers, and dictionaries of these."""
    state = {
        "net": trainer.learner.net.state_dict(),
        "feedback": trainer.learner.feedback.state_dict(),
        "optimizer": trainer.optimizer.state_dict(),
        "scheduler": trainer.scheduler.state_dict() if trainer.scheduler else {},
        "generator": trainer.generator.get_state(),
        "rates": trainer.sums.rates.clone(),
        "position": {"epoch": trainer.epoch, "batch": trainer.batch, **trainer.sums.state_dict()},
    }
    if trainer.repetition is not None:
        state["repetition"] = trainer.repetition.state_dict()
    return state


def restore(trainer: Trainer, state: State) -> None:
    """Let a trainer continue from a state; ValueError, and nothing changes, where sizes differ."""
    check_state(state, state_of(trainer))
    trainer.learner.net.load_state_dict(state["net"])
    trainer.learner.feedback.load_state_dict(state["feedback"])
    trainer.optimizer.load_state_dict(state["optimizer"])
    if trainer.scheduler:
        trainer.scheduler.load_state_dict(state["scheduler"])
    set_state(trainer.generator, state["generator"])
    if trainer.repetition is not None:
        trainer.repetition.load_state_dict(state["repetition"])
    position = state["position"]
    trainer.epoch, trainer.batch = position["epoch"], position["batch"]
    # of a loader, whose batches may have any size, `batches` corrects the number
    samples = trainer.batch * trainer.params.batch
    trainer.sums.load_state_dict(position, state["rates"], samples)


def check_state(state: object, present: State) -> None:
    """Raise TypeError or ValueError for anything but a trainer's state.

    Args:
        present: the trainer's state before.
    """
    instance_of(state, dict, "state", "a dictionary, as Trainer.state_dict() returns it")
    assert isinstance(state, dict)  # for mypy
    if missing := [name for name in present if name not in state]:
        raise ValueError(
            f"the state lacks {', '.join(missing)}: pass what Trainer.state_dict() of the same"
            " learner and optimizer returned"
        )
    for name in ("net", "feedback"):
        _check_tensors(state[name], present[name], name)
    tensors = ("rates", "generator")
    _check_tensors({n: state[n] for n in tensors}, {n: present[n] for n in tensors}, "trainer")
    _check_optimizer_state(state["optimizer"], present["optimizer"])
    position = instance_of(state["position"], dict, "the state's position", "a dictionary")
    for name in POSITION:
        if name not in position:
            raise ValueError(f"the state's position lacks {name}: it is no trainer's state")
    for name in ("epoch", "batch"):
        whole_number(position[name], f"the state's {name}")


def _check_tensors(state: object, present: Mapping[str, Tensor], part: str) -> None:
    instance_of(state, Mapping, f"the state's {part}", "a dictionary of tensors")
    assert isinstance(state, Mapping)  # for mypy
    shapes, wanted = (
        {name: tuple(x.shape) if isinstance(x, Tensor) else None for name, x in tensors.items()}
        for tensors in (state, present)
    )
    if shapes != wanted:
        names = [name for name in {**wanted, **shapes} if shapes.get(name) != wanted.get(name)]
        name = names[0]
        raise ValueError(
            f"the state's {part} has {text_of(name)} of shape {shapes.get(name)}, and this trainer"
            f" {wanted.get(name)}: make the trainer of the same sizes"
        )


def _check_optimizer_state(state: object, present: State) -> None:
    groups = state.get("param_groups") if isinstance(state, dict) else None
    sizes, wanted = (
        [len(group.get("params", ())) for group in held if isinstance(group, dict)]
        if isinstance(held, list)
        else None
        for held in (groups, present["param_groups"])
    )
    if sizes != wanted or not isinstance(state, dict) or "state" not in state:
        raise ValueError(
            f"the state's optimizer holds groups of {sizes} tensors, and this trainer's {wanted}:"
            " make the same optimizer"
        )
