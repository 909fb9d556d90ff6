"""A run folder: configuration, records and one checkpoint file, written atomically, from which a run goes on to the same bits.

    config.toml             every field of the run
    records.jsonl           one line an epoch, then one for the run
    checkpoint.safetensors  weights, feedback, optimizer, generator; in its header the position and the configuration

Nothing is pickled: a checkpoint from a stranger can be wrong, not dangerous.
"""

from __future__ import annotations

import dataclasses
import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from . import records
from .experiment import Experiment, RunConfig, config_toml, read_config
from .files import atomic_write

FORMAT = 1


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
            raise ValueError(f"{self.path} holds no run (no config.toml): train one there with 'biograd train --out {self.path}'")
        return read_config(self.config)

    def start(self, config: RunConfig, *, resume: bool) -> None:
        """Make the folder ready for a run: a fresh one, or, to resume, the one that lies here with the same configuration."""
        if not self.holds_run():
            atomic_write(self.config, config_toml(config).encode())
            return
        if not resume:
            raise ValueError(f"{self.path} already holds a run: name another folder with --out, or go on with this one by --resume")
        there, here = _flat(self.read_config()), _flat(config)
        changed = [f"{name} is {there[name]!r} there and {here[name]!r} here" for name in here if there[name] != here[name]]
        if changed:
            raise ValueError(
                f"{self.path} holds another run ({'; '.join(changed)}): resume it unchanged, or name another folder with --out"
            )

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from writing to this run at the same time."""
        self.path.mkdir(parents=True, exist_ok=True)
        with open(self.path / ".lock", "w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise ValueError(f"another process is writing to {self.path}: wait for it, or name another folder with --out") from error
            yield


def save_checkpoint(folder: RunFolder, experiment: Experiment) -> None:
    """Write the state of a run, whole or not at all."""
    state = experiment.trainer.state_dict()
    optimizer = state["optimizer"]
    tensors = {"generator": state["generator"], "rates": state["rates"]}
    numbers: dict[str, dict[str, Any]] = {}
    for part in ("net", "feedback"):
        tensors |= {f"{part}.{name}": value.contiguous() for name, value in state[part].items()}
    for index, entries in optimizer["state"].items():
        tensors |= {f"optimizer.{index}.{name}": value for name, value in entries.items() if torch.is_tensor(value)}
        numbers[str(index)] = {name: value for name, value in entries.items() if not torch.is_tensor(value)}
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

    Returns: warnings, one line each, where another torch or thread count will not give the same bits.
    Raises: ValueError where the file is cut short, of another format, of other sizes, or holds values that are not finite.
    """
    header, tensors = _read(folder.checkpoint)
    trainer = experiment.trainer
    state: dict[str, Any] = {"generator": tensors.pop("generator"), "rates": tensors.pop("rates"), "optimizer": {"state": {}}}
    for part, module in (("net", trainer.learner.net), ("feedback", trainer.learner.feedback)):
        state[part] = _matching(tensors, f"{part}.", module.state_dict(), folder.checkpoint)
    optimizer = state["optimizer"]
    for index, entries in header["optimizer"]["numbers"].items():
        found = {name.split(".", 2)[2]: value for name, value in tensors.items() if name.startswith(f"optimizer.{index}.")}
        optimizer["state"][int(index)] = entries | found
    optimizer["param_groups"] = header["optimizer"]["param_groups"]
    state["scheduler"], state["position"] = header["scheduler"], header["position"]
    trainer.load_state_dict(state)
    drop_records_after(folder, trainer.epoch)
    return [
        f"{what} was {there} and is {here}: the result may differ in the last bits from an unbroken run"
        for what, there, here in (("torch", header["torch"], torch.__version__), ("threads", header["threads"], trainer.learner.threads))
        if there != here
    ]


def drop_records_after(folder: RunFolder, epochs: int) -> None:
    """Drop the records of later epochs: a run killed between record and checkpoint does those again."""
    kept = [record for record in records.read(folder.records) if record["kind"] != "epoch" or record["epoch"] <= epochs]
    atomic_write(folder.records, b"".join(json.dumps(record).encode() + b"\n" for record in kept))


def load_weights(folder: RunFolder, experiment: Experiment) -> None:
    """Load only weights and feedback, to evaluate or export."""
    _, tensors = _read(folder.checkpoint)
    for part, module in (("net", experiment.trainer.learner.net), ("feedback", experiment.trainer.learner.feedback)):
        module.load_state_dict(_matching(tensors, f"{part}.", module.state_dict(), folder.checkpoint))


def _read(path: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    if not path.exists():
        raise ValueError(f"{path} is not there: the run has saved nothing yet; train it with 'biograd train --out {path.parent} --resume'")
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {}).get("biograd", "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, OSError, json.JSONDecodeError, ValueError) as error:
        raise ValueError(f"{path} cannot be read as a checkpoint ({error}): restore a copy, or train again elsewhere") from error
    if header.get("format") != FORMAT:
        raise ValueError(f"{path} has checkpoint format {header.get('format')}; this BioGrad reads {FORMAT}: use the one that wrote it")
    for name, value in tensors.items():
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise ValueError(f"{path}: {name} holds values that are not finite: restore an earlier copy, or train again in another folder")
    return header, tensors


def _matching(tensors: dict[str, torch.Tensor], prefix: str, wanted: dict[str, torch.Tensor], path: Path) -> dict[str, torch.Tensor]:
    found = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
    for name in sorted(found.keys() ^ wanted.keys()):
        raise ValueError(f"{path}: {prefix}{name} is only in {'the file' if name in found else 'the network'}: it belongs to another one")
    for name, value in wanted.items():
        if found[name].shape != value.shape:
            sizes = f"{tuple(found[name].shape)}, the network's {tuple(value.shape)}"
            raise ValueError(f"{path}: {prefix}{name} has the shape {sizes}: it belongs to another network")
    return found


def _flat(config: RunConfig) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in dataclasses.asdict(config).items():
        flat |= {f"{name}.{inner}": v for inner, v in value.items()} if isinstance(value, dict) else {name: value}
    return flat
