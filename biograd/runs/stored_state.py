"""Parts of a checkpoint file, held against the run that reads them.

Nothing is pickled, and nothing in a file is trusted: names, shapes, types and numbers must be those
of the run, or the file is refused in one line.
"""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from ..files import printable
from .experiment import Experiment

FORMAT = 1
# A checkpoint may be this much larger than eight times the weights; optimizers keep up to three
# times as much.
FREE_BYTES = 1 << 24
# The numbers of optimizer, scheduler and trainer that change while training. All others come from
# the configuration, whatever the file says.
CHANGING = (
    *("lr", "last_epoch", "_step_count", "_last_lr"),
    *("epoch", "batch", "correct", "error", "seconds", "night_seconds"),
)


def read_file(path: Path, experiment: Experiment) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Return header and tensors of a checkpoint file.

    Raises: ValueError where it is missing, too large, cut short, of another format, or holds values
    that are not finite.
    """
    if not path.exists():
        raise ValueError(
            f"{path} is not there: the run has saved nothing yet; train it with 'biograd train"
            f" --out {path.parent} --resume'"
        )
    _expect_size(path, experiment)
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {}).get("biograd", "{}"))
            # Cloned: a mapped file would kill this process if another one shortened it.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118 (not a dict)
    # AttributeError: torch lacks some of the types of safetensors.
    except (SafetensorError, OSError, ValueError, RuntimeError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path} cannot be read as a checkpoint ({printable(error)}): restore a copy, or train"
            " again elsewhere"
        ) from error
    version = header.get("format") if isinstance(header, dict) else None
    if version != FORMAT:
        raise ValueError(
            f"{path} has checkpoint format {printable(version)}; this BioGrad reads {FORMAT}: use"
            " the one that wrote it"
        )
    for name, value in tensors.items():
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise ValueError(
                f"{path}: {printable(name)} holds values that are not finite: restore an earlier"
                " copy, or train again elsewhere"
            )
    return header, tensors


def matching(
    tensors: dict[str, torch.Tensor], prefix: str, wanted: dict[str, torch.Tensor], path: Path
) -> dict[str, torch.Tensor]:
    """Return the tensors whose names begin with `prefix`, without it.

    Raises: ValueError where names, shapes or types differ from those `wanted`.
    """
    stored = {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }
    for name in sorted(stored.keys() ^ wanted.keys()):
        raise ValueError(
            f"{path}: {printable(prefix + name)} is only in"
            f" {'the file' if name in stored else 'the network'}: it belongs to another one"
        )
    for name, value in wanted.items():
        if stored[name].shape != value.shape:
            sizes = f"{tuple(stored[name].shape)}, the network's {tuple(value.shape)}"
            raise ValueError(
                f"{path}: {prefix}{name} has the shape {sizes}: it belongs to another network"
            )
        if stored[name].dtype != value.dtype:
            raise ValueError(
                f"{path}: {prefix}{name} holds {stored[name].dtype}, not {value.dtype}: it belongs"
                " to another network"
            )
    return stored


def changing(stored: Any, fresh: dict[str, Any], path: Path) -> dict[str, Any]:  # any: JSON
    """Return the numbers that change while training, from a stored state.

    Raises: ValueError unless there are the same ones as in a fresh state, whole numbers where those
    are whole, all finite.
    """
    numbers = {}
    for name in CHANGING:
        if name not in fresh:
            continue
        value = stored.get(name) if isinstance(stored, dict) else None
        if not _is_like(value, fresh[name]):
            raise ValueError(
                f"{path}: {name} is {printable(value)}: restore a copy, or train again elsewhere"
            )
        numbers[name] = value
    return numbers


def optimizer_state(
    header: Any, tensors: dict[str, torch.Tensor], optimizer: torch.optim.Optimizer, path: Path
) -> dict[str, Any]:  # any: JSON, and torch's own layout
    """Return an optimizer's state for `load_state_dict`, checked against one after a first step."""
    fresh = _after_one_step(optimizer)
    groups = header.get("param_groups") if isinstance(header, dict) else None
    if not isinstance(groups, list) or len(groups) != len(fresh["param_groups"]):
        raise ValueError(f"{path}: has no state of this optimizer: it belongs to another run")
    state: dict[int, dict[str, Any]] = {}
    if any(name.startswith("optimizer.") for name in tensors):
        for index, entries in fresh["state"].items():
            wanted = {name: value for name, value in entries.items() if torch.is_tensor(value)}
            state[index] = entries | matching(tensors, f"optimizer.{index}.", wanted, path)
    pairs = zip(fresh["param_groups"], groups, strict=True)
    return {
        "state": state,
        "param_groups": [group | changing(stored, group, path) for group, stored in pairs],
    }


def _expect_size(path: Path, experiment: Experiment) -> None:
    """Raise ValueError for a file that is too large for the run's network, before it is read."""
    net, feedback = experiment.net, experiment.learner.feedback
    limit = FREE_BYTES + 8 * sum(
        value.nbytes for module in (net, feedback) for value in module.state_dict().values()
    )
    if path.stat().st_size > limit:
        raise ValueError(
            f"{path} has {path.stat().st_size:,} bytes, more than {limit:,}: it belongs to another"
            " network, or is none"
        )


def _is_like(value: Any, fresh: Any) -> bool:  # any: JSON
    """True for a number of the same kind, finite, or a list of as many such numbers."""
    if isinstance(value, list) and isinstance(fresh, list) and len(value) == len(fresh):
        return all(_is_number_like(*pair) for pair in zip(value, fresh, strict=True))
    return _is_number_like(value, fresh)


def _is_number_like(value: Any, fresh: Any) -> bool:  # any: JSON
    whole = type(value) is int and abs(value) < 1 << 53 and type(fresh) in (int, float)
    return whole or (type(value) is type(fresh) is float and math.isfinite(value))


def _after_one_step(optimizer: torch.optim.Optimizer) -> dict[str, Any]:  # any: torch's own layout
    """Return the state of a copy of the optimizer that has made one step."""
    twin = copy.deepcopy(optimizer)
    for group in twin.param_groups:
        for parameter in group["params"]:
            parameter.grad = torch.zeros_like(parameter)
    twin.step()
    return optimizer.state_dict() | {"state": twin.state_dict()["state"]}
