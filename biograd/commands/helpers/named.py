"""Runs and models named on the command line: by a run folder, or by a file in it."""

from __future__ import annotations

from pathlib import Path

from hardware.border.model import Model

from ...checks import known_words
from ...encoders import ENCODERS, EVENTS
from ...runs.checkpoint import RunFolder
from ..console import Console
from .model_files import read_model_file, refuse_foreign_flags
from .model_flags import ModelFlags
from .trained import model_of, trained


def run_folder(path: Path) -> RunFolder:
    """Return the run folder that is named, or that holds the named file.

    Raises: ValueError for a file that is in no run folder.
    """
    if not path.is_file():
        return RunFolder(path)
    folder = RunFolder(path.parent)
    if not folder.holds_run():
        raise ValueError(
            f"{path} is in no run folder (there is no {folder.config}): name a run folder, e.g."
            " runs/mnist, or run a NIR file with 'biograd deploy'"
        )
    return folder


def model_file(path: Path) -> Path:
    """Return the NIR file that is named, or that of the run folder that is named.

    Raises: ValueError for a run folder without one.
    """
    if not path.is_dir():
        return path
    file = RunFolder(path).model
    if not file.is_file():
        raise ValueError(f"{path} holds no {file.name}: write it with 'biograd export {path}'")
    return file


def named_model(
    path: Path, flags: ModelFlags, console: Console, *, measured: bool, skip_bad: bool = False
) -> tuple[Model, RunFolder]:
    """Return the model of a run folder, a checkpoint or a NIR file, and the folder it is in.

    Args:
        measured: also measure a run's accuracy on its test samples, for the model's metadata.
        skip_bad: leave out recordings that cannot be read, also where the run did not.
    Raises: ValueError where the path names none of these.
    """
    if path.suffix == ".safetensors":
        folder = run_folder(path)
    else:
        folder = RunFolder(path if path.is_dir() else path.parent)
    # A folder of `biograd learn` holds a model, and no checkpoint to make it from.
    if path.suffix != ".safetensors" and not (path.is_dir() and folder.checkpoint.exists()):
        model = read_model_file(model_file(path), flags)
        _expect_encoder(path, model)
        for note in model.notes:
            console.say(f"note: {path}: {note}")
        return model, folder
    refuse_foreign_flags(path, flags, folder.read_config().steps)
    experiment = trained(folder, console, skip_bad=skip_bad)
    if not measured:
        return model_of(experiment), folder
    return model_of(experiment, test_accuracy=experiment.trainer.evaluate().test_accuracy), folder


def _expect_encoder(path: Path, model: Model) -> None:
    encoders = (*ENCODERS, EVENTS)
    if model.encoder not in encoders:
        raise ValueError(
            f"{path} was trained with encoder {model.encoder!r};"
            f" {known_words(model.encoder, encoders)}"
        )
