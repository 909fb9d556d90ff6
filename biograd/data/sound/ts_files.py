"""Series in the `.ts` form of the UCR/UEA archive: several channels, lengths that may differ.

    @classLabel true 1 2 3        classes, in the order of their labels
    @data
    1.8,1.9,1.9:-0.2,-0.2,-0.3:1    channels with colons between them, the class last

Source: Bagnall et al. 2018 (arXiv 1811.00075). The `.ts` files lie in the folder of the set as
NAME_TRAIN.ts and NAME_TEST.ts.
"""

from __future__ import annotations

import math
import warnings
from pathlib import Path

import numpy as np
import torch

from ..verified_files import DataError
from .series import SeriesSet, Standard

SHOWN = 3  # series that cannot be read, of which a message gives the reason
_SKIPPING = "; --skip-bad leaves such series out"


def ts_series(path: Path, split: str, *, skip_bad: bool = False) -> SeriesSet:
    """Load one half of a set of `.ts` files.

    Args:
        path: of either half, NAME_TRAIN.ts or NAME_TEST.ts; both must be there.
        skip_bad: leave series out that cannot be read; a warning counts and names them.
    Raises: DataError, one line that names the file and the line.
    """
    stem = path.name.removesuffix(".ts")
    half = next((half for half in ("TRAIN", "TEST") if stem.endswith(f"_{half}")), None)
    if half is None:
        raise DataError(f"{path} is named otherwise: need NAME_TRAIN.ts and NAME_TEST.ts")
    name = stem.removesuffix(f"_{half}")
    texts = {}
    for wanted in ("train", "test"):
        file = path.with_name(f"{name}_{wanted.upper()}.ts")
        try:
            texts[wanted] = (str(file), file.read_text(encoding="utf-8", errors="replace"))
        except OSError as error:
            raise DataError(
                f"{file} cannot be read ({error.strerror}): need both halves"
            ) from error
    return series_of_texts(texts, name, split, skip_bad=skip_bad)


def series_of_texts(
    texts: dict[str, tuple[str, str]], name: str, split: str, *, skip_bad: bool = False
) -> SeriesSet:
    """Return one half of a set from the names and texts of both files; see `ts_series`."""
    classes, train = _parsed(*texts["train"], skip_bad)
    standard = Standard.of(torch.from_numpy(np.concatenate([x for x, _ in train])))
    series = train
    if split == "test":
        of_test, series = _parsed(*texts["test"], skip_bad)
        if of_test != classes:
            raise DataError(
                f"{texts['test'][0]} has the classes {' '.join(of_test)} and"
                f" {texts['train'][0]} {' '.join(classes)}: need the same"
            )
    widths = {x.shape[1] for x, _ in (*train, *series)}
    if len(widths) > 1:
        raise DataError(
            f"{name} has {min(widths)} channels in one half and {max(widths)} in the other: need as"
            " many in all series"
        )
    labels = [label for _, label in series]
    if split == "train" and (absent := [c for i, c in enumerate(classes) if i not in labels]):
        raise DataError(f"{texts['train'][0]} has no series of class {absent[0]!r}: take it out")
    return SeriesSet(
        values=torch.from_numpy(np.concatenate([x for x, _ in series])),
        lengths=torch.tensor([len(x) for x, _ in series]),
        y=torch.tensor(labels),
        classes=len(classes),
        standard=standard,
        name=name,
        split=split,
        names=tuple(classes),
    )


def _parsed(name: str, text: str, skip_bad: bool) -> tuple[list[str], list[tuple[np.ndarray, int]]]:
    """Return the classes and the series [T, channels] with their labels."""
    classes: list[str] = []
    series: list[tuple[np.ndarray, int]] = []
    faults: list[str] = []
    in_data = False
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        if not in_data:
            words = line.split()
            if words[0].lower() == "@classlabel":
                classes = words[2:]
            in_data = words[0].lower() == "@data"
            continue
        if len(classes) < 2:
            raise DataError(
                f"{name} names {len(classes)} classes; need @classLabel true and at least two"
            )
        try:
            series.append(_series(line, classes, series[0][0].shape[1] if series else 0))
        except ValueError as error:
            fault = f"{name}, line {number}: {error}"
            if not skip_bad:
                raise DataError(f"{fault}{_SKIPPING}") from None
            faults.append(fault)
    if not series:
        raise DataError(f"{name} holds no series: need lines after @data")
    if faults:
        some = "; ".join(faults[:SHOWN]) + ("; ..." if len(faults) > SHOWN else "")
        total = len(faults) + len(series)
        warnings.warn(
            f"{len(faults):,} of {total:,} series of {name} are skipped: {some}",
            UserWarning,
            stacklevel=2,
        )
    return classes, series


def _series(line: str, classes: list[str], channels: int) -> tuple[np.ndarray, int]:
    *parts, label = line.split(":")
    if label.strip() not in classes:
        raise ValueError(f"class {label.strip()[:40]!r} is none of {' '.join(classes)[:60]}")
    try:
        columns = [[float(value) for value in part.split(",")] for part in parts]
    except ValueError:
        raise ValueError("some values are no numbers (a ? marks a missing one)") from None
    lengths = sorted({len(column) for column in columns})
    if len(lengths) != 1:
        raise ValueError(f"channels have {lengths[:1]} to {lengths[-1:]} steps; need one length")
    if channels and len(columns) != channels:
        raise ValueError(f"{len(columns)} channels, and the series before it {channels}")
    if not all(math.isfinite(value) for column in columns for value in column):
        raise ValueError("some values are not finite")
    return np.array(columns, np.float32).T.copy(), classes.index(label.strip())
