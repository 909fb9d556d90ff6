"""A user's own samples: an .npz file, or a folder of images or sounds per class, or .ts files.

my.npz      x_train, y_train, x_test, y_test. x: images, uint8 [n, H, W] or [n, C, H, W]; or
            numbers, float [n, ...], scaled to 0..1 by the range of the training samples; or
            spikes, bool [n, T, ...]. y: classes, whole numbers [n], or one-hot rows.
            With lengths_train and lengths_test, steps of each sample [n], x are series in time end
            to end: numbers [sum of the lengths, channels].
NAME_TRAIN.ts    and NAME_TEST.ts: series in the form of the UCR/UEA archive (`sound.ts_files`)
folder      train/CLASS/*.wav and test/CLASS/*.wav: sounds (`sound.own_sounds`); or
            train/CLASS/*.png and test/CLASS/*.png (or .jpg, .bmp, .gif), all of one size; grey
            images stay grey, all others become red, green and blue planes.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import torch

from .image_sets import ImageSet, Split
from .sound.clips import SoundSet
from .sound.own_series import series_of_arrays
from .sound.own_sounds import holds_sounds, own_sounds
from .sound.series import SeriesSet
from .sound.ts_files import ts_series
from .spike_sets import SpikeSet
from .verified_files import DataError

ARRAYS = ("x_train", "y_train", "x_test", "y_test")
LENGTHS = ("lengths_train", "lengths_test")  # of series in time
IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".gif")


def load_own(
    name: str, split: Split, *, skip_bad: bool = False
) -> ImageSet | SpikeSet | SeriesSet | SoundSet:
    """Load one half of a user's own samples.

    Args:
        name: path of an .npz or .ts file or of a folder; see the top of this file.
        skip_bad: leave out series that cannot be read.
    Raises: DataError, one line that names the file and what it needs.
    """
    path = Path(name).expanduser()
    if path.is_dir():
        return own_sounds(path, split) if holds_sounds(path) else _from_folder(path, split)
    if not path.exists():
        raise DataError(
            f"there is no data set {path}: need an .npz or .ts file, or a folder of images or"
            " sounds"
        )
    if path.suffix == ".ts":
        return ts_series(path, split, skip_bad=skip_bad)
    return _from_npz(path, split, skip_bad)


def _from_npz(path: Path, split: Split, skip_bad: bool) -> ImageSet | SpikeSet | SeriesSet:
    arrays = _arrays(path)
    if LENGTHS[0] in arrays:
        both = {half: _labels(path, f"y_{half}", arrays[f"y_{half}"]) for half in ("train", "test")}
        return series_of_arrays(path, split, arrays, both, skip_bad=skip_bad)
    x = arrays[f"x_{split}"]
    for half in ("train", "test"):
        if len(arrays[f"x_{half}"]) != len(arrays[f"y_{half}"]):
            raise DataError(
                f"{path}: x_{half} has {len(arrays[f'x_{half}']):,} samples and y_{half}"
                f" {len(arrays[f'y_{half}']):,}: need one label per sample"
            )
    if arrays["x_train"].shape[1:] != arrays["x_test"].shape[1:]:
        raise DataError(
            f"{path}: samples of x_train have the shape {arrays['x_train'].shape[1:]} and of"
            f" x_test {arrays['x_test'].shape[1:]}: need one shape"
        )
    labels = {half: _labels(path, f"y_{half}", arrays[f"y_{half}"]) for half in ("train", "test")}
    classes = 1 + max(int(label.max()) for label in labels.values())
    y = labels[split]
    if x.dtype == bool:
        if x.ndim < 3:
            raise DataError(f"{path}: x_{split} has the shape {x.shape}; spikes need [n, T, ...]")
        layout = (x.shape[2], x.shape[3], x.shape[4]) if x.ndim == 5 else None
        s = torch.from_numpy(x.reshape(*x.shape[:2], -1))
        return SpikeSet(s=s, y=y, classes=classes, name=path.stem, split=split, layout=layout)
    if x.ndim < 2:
        raise DataError(f"{path}: x_{split} has the shape {x.shape}; need [n, ...]")
    if x.dtype == np.uint8:
        return ImageSet(path.stem, split, torch.from_numpy(x), y, classes)
    return ImageSet(path.stem, split, _scaled(path, split, arrays), y, classes)


def _arrays(path: Path) -> dict[str, np.ndarray]:
    """Return the four arrays of a file, and the lengths of series, without trusting it."""
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            in_time = any(name in file.files for name in LENGTHS)
            needed = (*ARRAYS, *LENGTHS) if in_time else ARRAYS
            missing = [name for name in needed if name not in file.files]
            if missing:
                held = ", ".join(file.files) or "nothing"
                raise DataError(
                    f"{path} holds {held}, and no {', '.join(missing)}: need {', '.join(needed)}"
                )
            arrays = {name: file[name] for name in needed}
    except DataError:
        raise
    except (OSError, ValueError, EOFError, KeyError, AttributeError, zipfile.BadZipFile) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(
            f"{path} cannot be read as an .npz file ({reason}): write it by numpy.savez"
        ) from error
    for name, array in arrays.items():
        if not array.ndim or not len(array) or array.dtype.kind not in "buif":
            raise DataError(
                f"{path}: {name} is {array.dtype} of shape {array.shape}; need numbers or truth"
                " values, at least one sample"
            )
    return arrays


def _labels(path: Path, name: str, y: np.ndarray) -> torch.Tensor:
    """Return classes, int64 [n], from whole numbers of any type, or from one-hot rows."""
    rows = y.ndim == 2 and y.shape[1] > 1
    if rows and bool((np.sort(y, 1)[:, :-1] == 0).all()) and bool((y.max(1) == 1).all()):
        return torch.from_numpy(y.argmax(1))
    flat = y.reshape(len(y), -1)
    if flat.shape[1] != 1 or not bool(np.isfinite(flat).all()) or bool((flat % 1 != 0).any()):
        raise DataError(
            f"{path}: {name} is {y.dtype} of shape {y.shape}; need classes, whole numbers [n], or"
            " one-hot rows"
        )
    if flat.min() < 0:
        raise DataError(f"{path}: {name} holds {flat.min():g}; need classes of 0 or more")
    return torch.from_numpy(flat[:, 0].astype(np.int64))


def _scaled(path: Path, split: Split, arrays: dict[str, np.ndarray]) -> torch.Tensor:
    """Return numbers in 0..1, by the range of the training samples; those beyond it are cut."""
    train, x = (arrays[name].astype(np.float32) for name in ("x_train", f"x_{split}"))
    for name, values in (("x_train", train), (f"x_{split}", x)):
        if not bool(np.isfinite(values).all()):
            bad = int((~np.isfinite(values)).sum())
            raise DataError(
                f"{path}: {name} holds {bad:,} values that are not finite: leave those samples out"
            )
    low, high = float(train.min()), float(train.max())
    if low >= 0 and high <= 1:  # scaled already
        low, high = 0.0, 1.0
    return torch.from_numpy(np.clip((x - low) / max(high - low, 1e-12), 0, 1))


def _from_folder(path: Path, split: Split) -> ImageSet:
    from PIL import Image, UnidentifiedImageError  # slow to import, and of use here alone

    names = sorted(folder.name for folder in _folders(path / "train"))
    tested = [folder.name for folder in _folders(path / "test")]
    unknown = sorted(set(tested) - set(names))
    if unknown:
        raise DataError(f"{path}/test has classes without training images: {', '.join(unknown)}")
    if len(names) < 2:
        raise DataError(f"{path}/train has {len(names)} folders of images; need one per class")
    images, labels = [], []
    shape: tuple[int, ...] | None = None
    for label, name in enumerate(names):
        folder = path / split / name
        files = sorted(folder.iterdir()) if folder.is_dir() else []
        for file in files:
            if file.suffix.lower() not in IMAGES or file.name.startswith("."):
                continue
            try:
                with Image.open(file) as opened:
                    grey = opened.mode in ("1", "L")
                    image = np.asarray(opened.convert("L" if grey else "RGB"))
            except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
                raise DataError(f"{file} cannot be read as an image ({error}): leave it out") from (
                    error
                )
            image = image if grey else image.transpose(2, 0, 1)
            if shape is not None and image.shape != shape:
                raise DataError(
                    f"{file} has the shape {image.shape}, and the images before it {shape}: bring"
                    " all to one size and kind"
                )
            shape = image.shape
            images.append(image)
            labels.append(label)
    if not images:
        kinds = ", ".join(IMAGES)
        raise DataError(f"{path}/{split} holds no images in folders per class ({kinds})")
    x = torch.from_numpy(np.stack(images))
    return ImageSet(path.resolve().name, split, x, torch.tensor(labels), classes=len(names))


def _folders(path: Path) -> list[Path]:
    if not path.is_dir():
        raise DataError(f"{path} is not there: need train/CLASS/*.png and test/CLASS/*.png")
    return [folder for folder in path.iterdir() if folder.is_dir() and folder.name[0] != "."]
