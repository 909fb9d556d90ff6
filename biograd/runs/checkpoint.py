"""A run folder: configuration, records and one checkpoint file, written atomically, from which a
run goes on to the same bits.

    config.toml             every field of the run
    records.jsonl           one line per epoch, then one for the run
    checkpoint.safetensors  weights, feedback, optimizer, generator; in its header the position and the configuration

Nothing is pickled: a checkpoint from a stranger can be wrong, not dangerous.
"""

from __future__ import annotations

import copy
import dataclasses
import fcntl
import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from ..files import atomic_write, shown
from ..training.trainer import check_finite
from . import records
from .experiment import Experiment, RunConfig, config_toml, read_config

FORMAT = 1
# a checkpoint may be so much larger than eight times the weights; optimizers keep up to three times
# as much
FREE_BYTES = 1 << 24


class RunFolder:
    """The files of one run."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.config = self.path / "config.toml"
        self.records = self.path / "records.jsonl"
        self.checkpoint = self.path / "checkpoint.safetensors"
        self.model = self.path / "model.nir"

    def holds_run(self) -> bool:
        """Whether a run was started here."""
        return self.config.exists()

    def read_config(self) -> RunConfig:
        """The configuration of the run that lies here."""
        if not self.holds_run():
            raise ValueError(
                f"{self.path} holds no run (no config.toml): train one there with 'biograd train"
                f" --out {self.path}'"
            )
        return read_config(self.config)

    def start(self, config: RunConfig, *, resume: bool) -> None:
        """Make the folder ready for a run: a fresh one, or, to resume, the one that lies here with
        the same configuration.
        """
        if not self.holds_run():
            atomic_write(self.config, config_toml(config).encode())
            return
        if not resume:
            raise ValueError(
                f"{self.path} already holds a run: name another folder with --out, or go on with"
                " this one by --resume"
            )
        there, here = _flat(self.read_config()), _flat(config)
        changed = [
            f"{name} is {there[name]!r} there and {here[name]!r} here"
            for name in here
            if there[name] != here[name]
        ]
        if changed:
            raise ValueError(
                f"{self.path} holds another run ({'; '.join(changed)}): resume it unchanged, or"
                " name another folder with --out"
            )

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from writing to this run at the same time."""
        with locked(self.path):
            # of a process that was killed while it wrote: no other can be writing now
            for part in self.path.glob(".*.part"):
                part.unlink(missing_ok=True)
            yield


@contextmanager
def locked(folder: Path, name: str = ".lock") -> Iterator[None]:
    """Hold a lock in a folder, made where missing; the system lets go of it however this process
    ends.

    Raises: ValueError where another process holds it; OSError where it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = open(folder / name, "w")  # noqa: SIM115 (closed below; opening alone is what may fail here)
    except OSError as error:
        reason = error.strerror or error
        raise type(error)(
            f"cannot write to {folder}: {reason}; mend its permissions, or name another folder with"
            " --out"
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ValueError(
                f"another process is writing to {folder}: wait for it, or name another folder with"
                " --out"
            ) from error
        yield


def save_checkpoint(folder: RunFolder, experiment: Experiment) -> None:
    """Write the state of a run, whole or not at all.

    Raises: ValueError where a weight is no finite number any more: the file stays as it was, with
    the last state that was sound.
    """
    check_finite(
        experiment.net, f"epoch {experiment.trainer.epoch + 1}, batch {experiment.trainer.batch}"
    )
    state = experiment.trainer.state_dict()
    optimizer = state["optimizer"]
    tensors = {"generator": state["generator"], "rates": state["rates"]}
    numbers: dict[str, dict[str, Any]] = {}
    for part in ("net", "feedback"):
        tensors |= {f"{part}.{name}": value.contiguous() for name, value in state[part].items()}
    tensors |= {f"repetition.{name}": value for name, value in state.get("repetition", {}).items()}
    for index, entries in optimizer["state"].items():
        tensors |= {
            f"optimizer.{index}.{name}": value
            for name, value in entries.items()
            if torch.is_tensor(value)
        }
        numbers[str(index)] = {
            name: value for name, value in entries.items() if not torch.is_tensor(value)
        }
    header = {
        "format": FORMAT,
        "torch": torch.__version__,
        "threads": experiment.trainer.learner.threads,
        "config": config_toml(experiment.config),
        "position": state["position"],
        "scheduler": state["scheduler"],
        "optimizer": {"param_groups": optimizer["param_groups"], "numbers": numbers},
    }
    atomic_write(folder.checkpoint, save(tensors, {"biograd": json.dumps(header)}))


def load_checkpoint(folder: RunFolder, experiment: Experiment) -> list[str]:
    """Put a run back where its checkpoint was made, and drop records of what came after.

    Returns: warnings, one line each, where another torch or thread count will not give the same
    bits.
    Raises: ValueError where the file is cut short, of another format, of other sizes, or holds
    values that are not finite.
    """
    path = folder.checkpoint
    header, tensors = _read(path, experiment)
    trainer = experiment.trainer
    wanted = trainer.state_dict()
    state: dict[str, Any] = {
        name: _matching(tensors, f"{name}.", wanted[name], path) for name in ("net", "feedback")
    }
    state |= {
        name: _matching(tensors, name, {"": wanted[name]}, path)[""]
        for name in ("generator", "rates")
    }
    if "repetition" in wanted:
        state["repetition"] = _matching(tensors, "repetition.", wanted["repetition"], path)
    state["position"] = wanted["position"] | _moved(
        header.get("position"), wanted["position"], path
    )
    if not (
        0 <= state["position"]["epoch"] <= trainer.params.epochs
        and 0 <= state["position"]["batch"] <= trainer.batches
    ):
        raise ValueError(
            f"{path}: its position is {state['position']}, outside the run: it belongs to"
            " another one"
        )
    state["scheduler"] = wanted["scheduler"] | _moved(
        header.get("scheduler"), wanted["scheduler"], path
    )
    state["optimizer"] = _optimizer_state(header.get("optimizer"), tensors, trainer.optimizer, path)
    try:
        torch.Generator().set_state(state["generator"])
    except RuntimeError as error:
        raise ValueError(
            f"{path}: its generator cannot go on ({shown(error)}): restore a copy, or train again"
            " elsewhere"
        ) from error
    trainer.load_state_dict(state)
    drop_records_after(folder, trainer.epoch)
    return [
        f"{what} was {shown(there)} and is {here}: the result may differ in the last bits from an"
        " unbroken run"
        for what, there, here in (
            ("torch", header.get("torch"), torch.__version__),
            ("threads", header.get("threads"), trainer.learner.threads),
        )
        if there != here
    ]


def drop_records_after(folder: RunFolder, epochs: int) -> None:
    """Drop the records of later epochs: a run killed between record and checkpoint does those
    again.
    """
    kept = [
        record
        for record in records.read(folder.records)
        if record["kind"] != "epoch" or _epoch(record) <= epochs
    ]
    atomic_write(folder.records, b"".join(json.dumps(record).encode() + b"\n" for record in kept))


def _epoch(record: records.Record) -> int:
    number = record.get("epoch")
    return number if isinstance(number, int) else 0


def load_weights(folder: RunFolder, experiment: Experiment) -> None:
    """Load only weights and feedback, to evaluate or export."""
    _, tensors = _read(folder.checkpoint, experiment)
    for part, module in (
        ("net", experiment.trainer.learner.net),
        ("feedback", experiment.trainer.learner.feedback),
    ):
        module.load_state_dict(
            _matching(tensors, f"{part}.", module.state_dict(), folder.checkpoint)
        )


def _read(path: Path, experiment: Experiment) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    if not path.exists():
        raise ValueError(
            f"{path} is not there: the run has saved nothing yet; train it with 'biograd train"
            f" --out {path.parent} --resume'"
        )
    net, feedback = experiment.net, experiment.learner.feedback
    most = FREE_BYTES + 8 * sum(
        value.nbytes for module in (net, feedback) for value in module.state_dict().values()
    )
    if path.stat().st_size > most:
        raise ValueError(
            f"{path} has {path.stat().st_size:,} bytes, more than {most:,}: it belongs to another"
            " network, or is none"
        )
    try:  # cloned: what only maps the file would kill this process if another one shortened it
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {}).get("biograd", "{}"))
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118 (not a dict)
    # torch lacks some of its types
    except (SafetensorError, OSError, ValueError, RuntimeError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path} cannot be read as a checkpoint ({shown(error)}): restore a copy, or train"
            " again elsewhere"
        ) from error
    there = header.get("format") if isinstance(header, dict) else None
    if there != FORMAT:
        raise ValueError(
            f"{path} has checkpoint format {shown(there)}; this BioGrad reads {FORMAT}: use the one"
            " that wrote it"
        )
    for name, value in tensors.items():
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise ValueError(
                f"{path}: {shown(name)} holds values that are not finite: restore an earlier copy,"
                " or train again elsewhere"
            )
    return header, tensors


# The numbers of optimizer, scheduler and trainer that change while training; all others are the
# configuration's, whatever a file says.
_MOVING = (
    "lr",
    "last_epoch",
    "_step_count",
    "_last_lr",
    "epoch",
    "batch",
    "correct",
    "error",
    "seconds",
    "night_seconds",
)


def _moved(found: Any, fresh: dict[str, Any], path: Path) -> dict[str, Any]:  # any: JSON
    """The moving numbers of a state, held against those of a fresh one: the same names, whole
    numbers where those are, all finite.
    """
    moved = {}
    for name in _MOVING:
        if name not in fresh:
            continue
        value, like = found.get(name) if isinstance(found, dict) else None, fresh[name]
        pairs = [(value, like)]
        if isinstance(value, list) and isinstance(like, list) and len(value) == len(like):
            pairs = list(zip(value, like, strict=True))
        for one, other in pairs:
            whole = type(one) is int and abs(one) < 1 << 53 and type(other) in (int, float)
            if not (whole or (type(one) is type(other) is float and math.isfinite(one))):
                raise ValueError(
                    f"{path}: {name} is {shown(value)}: restore a copy, or train again elsewhere"
                )
        moved[name] = value
    return moved


def _optimizer_state(
    header: Any, tensors: dict[str, torch.Tensor], optimizer: torch.optim.Optimizer, path: Path
) -> dict[str, Any]:
    """An optimizer's state as its `load_state_dict` takes it (any: JSON); shapes and names are
    those of a first step.
    """
    fresh = _after_one_step(optimizer)
    groups = header.get("param_groups") if isinstance(header, dict) else None
    if not isinstance(groups, list) or len(groups) != len(fresh["param_groups"]):
        raise ValueError(f"{path}: has no state of this optimizer: it belongs to another run")
    state: dict[int, dict[str, Any]] = {}
    if any(name.startswith("optimizer.") for name in tensors):
        for index, entries in fresh["state"].items():
            like = {name: value for name, value in entries.items() if torch.is_tensor(value)}
            state[index] = entries | _matching(tensors, f"optimizer.{index}.", like, path)
    return {
        "state": state,
        "param_groups": [
            own | _moved(there, own, path)
            for own, there in zip(fresh["param_groups"], groups, strict=True)
        ],
    }


def _after_one_step(optimizer: torch.optim.Optimizer) -> dict[str, Any]:  # any: torch's own layout
    """The state of a copy of the optimizer that has made one step."""
    twin = copy.deepcopy(optimizer)
    for group in twin.param_groups:
        for parameter in group["params"]:
            parameter.grad = torch.zeros_like(parameter)
    twin.step()
    return optimizer.state_dict() | {"state": twin.state_dict()["state"]}


def _matching(
    tensors: dict[str, torch.Tensor], prefix: str, wanted: dict[str, torch.Tensor], path: Path
) -> dict[str, torch.Tensor]:
    found = {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }
    for name in sorted(found.keys() ^ wanted.keys()):
        raise ValueError(
            f"{path}: {shown(prefix + name)} is only in"
            f" {'the file' if name in found else 'the network'}: it belongs to another one"
        )
    for name, value in wanted.items():
        if found[name].shape != value.shape:
            sizes = f"{tuple(found[name].shape)}, the network's {tuple(value.shape)}"
            raise ValueError(
                f"{path}: {prefix}{name} has the shape {sizes}: it belongs to another network"
            )
        if found[name].dtype != value.dtype:
            raise ValueError(
                f"{path}: {prefix}{name} holds {found[name].dtype}, not {value.dtype}: it belongs"
                " to another network"
            )
    return found


def _flat(config: RunConfig) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in dataclasses.asdict(config).items():
        flat |= (
            {f"{name}.{inner}": v for inner, v in value.items()}
            if isinstance(value, dict)
            else {name: value}
        )
    return flat
