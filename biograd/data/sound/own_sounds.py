"""A user's own sounds: train/CLASS/*.wav and test/CLASS/*.wav."""

from __future__ import annotations

from pathlib import Path

from ..verified_files import DataError
from .clips import Clip, SoundSet


def holds_sounds(path: Path) -> bool:
    """Return whether a folder has wav files in folders per class."""
    return next(path.glob("train/*/*.wav"), None) is not None


def own_sounds(path: Path, split: str) -> SoundSet:
    """Open a user's folder of sounds.

    Raises: DataError for fewer than two classes, or a class of the test half without training
    clips.
    """
    folders = {half: _classes(path / half) for half in ("train", "test")}
    classes = sorted(folders["train"])
    if unknown := sorted(set(folders["test"]) - set(classes)):
        raise DataError(f"{path}/test has classes without training clips: {', '.join(unknown)}")
    if len(classes) < 2:
        raise DataError(f"{path}/train has {len(classes)} folders of sounds; need one per class")
    clips = [
        Clip(str(file), file.read_bytes, classes.index(name), half == "test")
        for half, of_class in folders.items()
        for name, files in sorted(of_class.items())
        for file in files
    ]
    return SoundSet(clips=clips, classes=classes, name=path.resolve().name, split=split)


def _classes(path: Path) -> dict[str, list[Path]]:
    """Return the wav files of each class."""
    if not path.is_dir():
        raise DataError(f"{path} is not there: need train/CLASS/*.wav and test/CLASS/*.wav")
    folders = (folder for folder in path.iterdir() if folder.is_dir() and folder.name[0] != ".")
    return {
        folder.name: sorted(file for file in folder.iterdir() if file.suffix.lower() == ".wav")
        for folder in folders
    }
