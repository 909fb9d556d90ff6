"""A run folder: configuration, records and one checkpoint, from which a run resumes to the bit.

    config.toml             every field of the run
    records.jsonl           one line per epoch, then one for the run
    checkpoint.safetensors  weights, feedback, optimizer, generator; in its header the position
                            and the configuration

Every file is written whole or not at all, and nothing is pickled: a checkpoint of unknown origin
can be wrong, not dangerous (see `stored_state`).
"""

from __future__ import annotations

import dataclasses
import fcntl
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save

from ..checks import instance_of, path_of, whole_number
from ..files import atomic_write, printable
from ..training.finite import check_finite
from ..training.trainer import Trainer
from . import record_pruning
from .config import RunConfig
from .config_files import config_toml, read_run_config
from .experiment import Experiment
from .more_epochs import fit_schedule, is_longer
from .stored_state import FORMAT, changing, matching, optimizer_state, read_file

_FOLDER = "a RunFolder, e.g. RunFolder('runs/mnist')"


class RunFolder:
    """The files of one run."""

    def __init__(self, path: str | Path) -> None:
        self.path = path_of(path, "path")
        self.config = self.path / "config.toml"
        self.records = self.path / "records.jsonl"
        self.checkpoint = self.path / "checkpoint.safetensors"
        self.model = self.path / "model.nir"

    def holds_run(self) -> bool:
        """True where a run was started in this folder."""
        return self.config.exists()

    def read_config(self) -> RunConfig:
        """Read the configuration of the run; ValueError where there is none."""
        if not self.holds_run():
            raise ValueError(
                f"{self.path} holds no run (no config.toml): train one there with 'biograd train"
                f" --out {self.path}'"
            )
        return read_run_config(self.config)

    def start(self, config: RunConfig, *, resume: bool) -> None:
        """Prepare the folder for a new run, or to resume a run of the same configuration.

        More epochs than the run was started with make it longer, also a finished one, whose record
        is dropped.

        Raises: ValueError where the folder holds a run and `resume` is False, or another run.
        """
        instance_of(config, RunConfig, "config", "a RunConfig")
        if not self.holds_run():
            atomic_write(self.config, config_toml(config).encode())
            return
        if not resume:
            raise ValueError(
                f"{self.path} already holds a run: name another folder with --out, or go on with"
                " this one by --resume"
            )
        if is_longer(config, self.read_config()):
            # In this order: a crash between the two leaves a run that is finished once more.
            record_pruning.keep(self.records, lambda record: record["kind"] != "run")
            atomic_write(self.config, config_toml(config).encode())
            return
        stored, wanted = _flat(self.read_config()), _flat(config)
        changes = [
            f"{name} is {stored[name]!r} there and {wanted[name]!r} here"
            for name in wanted
            if stored[name] != wanted[name]
        ]
        if changes:
            raise ValueError(
                f"{self.path} holds another run ({'; '.join(changes)}): resume it unchanged or with"
                " more epochs, or name another folder with --out"
            )

    @contextmanager
    def started(self, config: RunConfig, *, resume: bool) -> Iterator[None]:
        """Start as `start` does; a new run that cannot be set up, e.g. for want of data, is undone.

        The same command can then be given again.
        """
        new = not self.holds_run()
        self.start(config, resume=resume)
        try:
            yield
        except BaseException:
            if new:
                self.config.unlink(missing_ok=True)
            raise

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from writing to this run at the same time."""
        with locked(self.path):
            # Left by a process that was killed while it wrote: no other can be writing now.
            for part in self.path.glob(".*.part"):
                part.unlink(missing_ok=True)
            yield


@contextmanager
def locked(folder: Path, name: str = ".lock") -> Iterator[None]:
    """Hold a lock in a folder, made where missing; it is released however this process ends.

    Raises: ValueError where another process holds it; OSError where it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = open(folder / name, "w")  # noqa: SIM115 (closed below; only opening may fail here)
    except OSError as error:
        reason = error.strerror or error
        raise type(error)(
            f"cannot write to {folder}: {reason}; change its permissions, or name another folder"
            " with --out"
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

    Raises: ValueError where a weight is not finite: the file then keeps the last sound state.
    """
    _expect_parts(folder, experiment)
    trainer = experiment.trainer
    check_finite(experiment.net, f"epoch {trainer.epoch + 1}, batch {trainer.batch}")
    state = trainer.state_dict()
    optimizer = state["optimizer"]
    header = {
        "format": FORMAT,
        "torch": torch.__version__,
        "threads": trainer.learner.threads,
        "config": config_toml(experiment.config),
        "position": state["position"],
        "scheduler": state["scheduler"],
        "optimizer": {
            "param_groups": optimizer["param_groups"],
            "numbers": {
                str(index): {
                    name: value for name, value in entries.items() if not torch.is_tensor(value)
                }
                for index, entries in optimizer["state"].items()
            },
        },
    }
    atomic_write(folder.checkpoint, save(_tensors(state), {"biograd": json.dumps(header)}))


def _tensors(state: dict[str, Any]) -> dict[str, torch.Tensor]:  # any: of `Trainer.state_dict`
    """Return all tensors of a trainer's state, by names that tell their part."""
    tensors = {"generator": state["generator"], "rates": state["rates"]}
    for part in ("net", "feedback"):
        tensors |= {f"{part}.{name}": value.contiguous() for name, value in state[part].items()}
    tensors |= {f"repetition.{name}": value for name, value in state.get("repetition", {}).items()}
    for index, entries in state["optimizer"]["state"].items():
        tensors |= {
            f"optimizer.{index}.{name}": value
            for name, value in entries.items()
            if torch.is_tensor(value)
        }
    return tensors


def load_checkpoint(folder: RunFolder, experiment: Experiment) -> list[str]:
    """Restore a run to its checkpoint, and drop the records of later epochs.

    Returns: warnings, one line each, where another torch or thread count may change the last bits.
    Raises: ValueError where the file is cut short, of another format, of other sizes, or holds
    values that are not finite.
    """
    _expect_parts(folder, experiment)
    path, trainer = folder.checkpoint, experiment.trainer
    header, tensors = read_file(path, experiment)
    trainer.load_state_dict(_state(header, tensors, trainer, path))
    fit_schedule(experiment, header)
    drop_records_after(folder, trainer.epoch)
    return [
        f"{what} was {printable(stored)} and is {now}: the result may differ in the last bits from"
        " an unbroken run"
        for what, stored, now in (
            ("torch", header.get("torch"), torch.__version__),
            ("threads", header.get("threads"), trainer.learner.threads),
        )
        if stored != now
    ]


def _state(
    header: dict[str, Any], tensors: dict[str, torch.Tensor], trainer: Trainer, path: Path
) -> dict[str, Any]:  # any: JSON, and of `Trainer.state_dict`
    """Return the trainer's state from a file, every part held against the trainer's own."""
    fresh = trainer.state_dict()
    state: dict[str, Any] = {
        name: matching(tensors, f"{name}.", fresh[name], path) for name in ("net", "feedback")
    }
    for name in ("generator", "rates"):
        state[name] = matching(tensors, name, {"": fresh[name]}, path)[""]
    if "repetition" in fresh:
        state["repetition"] = matching(tensors, "repetition.", fresh["repetition"], path)
    for name in ("position", "scheduler"):
        state[name] = fresh[name] | changing(header.get(name), fresh[name], path)
    position = state["position"]
    if not (
        0 <= position["epoch"] <= trainer.params.epochs
        and 0 <= position["batch"] <= trainer.batches_per_epoch
    ):
        raise ValueError(
            f"{path}: its position is {position}, outside the run: it belongs to another one"
        )
    state["optimizer"] = optimizer_state(header.get("optimizer"), tensors, trainer.optimizer, path)
    try:
        torch.Generator().set_state(state["generator"])
    except RuntimeError as error:
        raise ValueError(
            f"{path}: its generator cannot go on ({printable(error)}): restore a copy, or train"
            " again elsewhere"
        ) from error
    return state


def load_weights(folder: RunFolder, experiment: Experiment) -> None:
    """Load only weights and feedback, to evaluate or export."""
    _expect_parts(folder, experiment)
    _, tensors = read_file(folder.checkpoint, experiment)
    learner = experiment.trainer.learner
    for part, module in (("net", learner.net), ("feedback", learner.feedback)):
        module.load_state_dict(
            matching(tensors, f"{part}.", module.state_dict(), folder.checkpoint)
        )


def load_trained(
    folder: RunFolder,
    *,
    progress: Callable[[str, int, int], None] | None = None,
    skip_bad: bool = False,
) -> Experiment:
    """Return a run's experiment with its trained weights and the test samples to measure it on.

    Args:
        progress: called while data sets are fetched.
        skip_bad: leave out recordings that cannot be read, also where the run did not.
    """
    instance_of(folder, RunFolder, "folder", _FOLDER)
    config = folder.read_config()
    config = dataclasses.replace(config, validation=0, skip_bad=skip_bad or config.skip_bad)
    experiment = Experiment.from_config(config, progress=progress)
    load_weights(folder, experiment)
    return experiment


def drop_records_after(folder: RunFolder, epochs: int) -> None:
    """Drop the records of later epochs; a run killed before its checkpoint repeats those epochs."""
    instance_of(folder, RunFolder, "folder", _FOLDER)
    epochs = whole_number(epochs, "epochs")
    record_pruning.keep_epochs(folder.records, epochs)


def _expect_parts(folder: RunFolder, experiment: Experiment) -> None:
    instance_of(folder, RunFolder, "folder", _FOLDER)
    instance_of(experiment, Experiment, "experiment", "an Experiment")


def _flat(config: RunConfig) -> dict[str, Any]:  # any: numbers and words of the fields
    """Return the fields of a configuration by name, nested ones with dots."""
    flat: dict[str, Any] = {}
    for name, value in dataclasses.asdict(config).items():
        if isinstance(value, dict):
            flat |= {f"{name}.{inner}": v for inner, v in value.items()}
        else:
            flat[name] = value
    return flat
