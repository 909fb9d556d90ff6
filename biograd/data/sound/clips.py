"""Sets of sound clips, read from wav files one at a time and turned into series of mel bands."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch

from .mel import FilterBank, MelParams
from .series import SeriesSet, Standard
from .wav import wav_samples

SHOWN = 3  # clips that cannot be read, of which a message gives the reason
_SKIPPING = "; --skip-bad leaves such clips out"


class Clip(NamedTuple):
    """A recording, not read yet."""

    where: str  # its file, for messages
    read: Callable[[], bytes]
    label: int | None  # class; None: the name of the file tells none
    test: bool = False


@dataclass(frozen=True, kw_only=True)
class SoundSet:
    """Clips of both halves of a set; `series` reads them."""

    clips: Sequence[Clip]
    classes: Sequence[str]
    name: str
    split: str = "train"
    naming: str = field(default="CLASS/*.wav")  # of the files, for messages

    def series(self, p: MelParams | None = None, *, skip_bad: bool = False) -> SeriesSet:
        """Read the clips of this half and return their mel bands.

        Channels are standardised by the training half, whichever half is returned.

        Args:
            skip_bad: leave clips out that cannot be read; a warning counts and names them.
        Raises: ValueError for a clip that cannot be read, or a class without one.
        """
        bank = FilterBank(p)
        x, lengths, y = self._read(bank, "train", skip_bad)
        standard = Standard.of(x)
        if self.split == "test":
            x, lengths, y = self._read(bank, "test", skip_bad)
        return SeriesSet(
            values=x,
            lengths=lengths,
            y=y,
            classes=len(self.classes),
            standard=standard,
            name=self.name,
            split=self.split,
            names=tuple(self.classes),
            mel=bank.p,
        )

    def _read(
        self, bank: FilterBank, split: str, skip_bad: bool
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return the bands of all clips of a half end to end, their lengths and labels."""
        clips = [clip for clip in self.clips if clip.test == (split == "test")]
        frames, labels, faults = [], [], []
        for clip in clips:
            try:
                frames.append(self._frames(bank, clip))
                labels.append(clip.label)
            except (ValueError, OSError) as error:
                if not skip_bad:
                    raise ValueError(f"{error}{_SKIPPING}") from None
                faults.append(str(error))
        if faults and split == self.split:
            some = "; ".join(faults[:SHOWN]) + ("; ..." if len(faults) > SHOWN else "")
            warnings.warn(
                f"{len(faults):,} of {len(clips):,} clips of {self.name} cannot be read and are"
                f" skipped: {some}",
                UserWarning,
                stacklevel=2,
            )
        absent = [name for label, name in enumerate(self.classes) if label not in labels]
        if split == "train" and absent:
            raise ValueError(
                f"{self.name} has no training clip of class {absent[0]!r}: add some, or take the"
                " class out"
            )
        if not frames:
            raise ValueError(f"{self.name} has no clip for {split}: add some")
        lengths = torch.tensor([len(bands) for bands in frames])
        return torch.from_numpy(np.concatenate(frames)), lengths, torch.tensor(labels)

    def _frames(self, bank: FilterBank, clip: Clip) -> np.ndarray:
        if clip.label is None:
            raise ValueError(f"{clip.where} names no class: need {self.naming}")
        p = bank.p
        samples = wav_samples(clip.read(), clip.where, rate=p.rate, max_seconds=p.max_seconds)[0]
        if not samples.any():
            raise ValueError(f"{clip.where} is silent, every sample is 0: leave it out")
        return bank.of_sound(samples)
