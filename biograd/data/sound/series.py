"""Series of sensors, or of the bands of a sound, with one class each; their lengths may differ."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from ...checks import instance_of, text_of, whole_fields, whole_number
from ...inputs import check_kind
from ...padding import PaddedSpikes
from ...params.signal import CodingParams, MelParams
from ...tensors import check_generator
from ..augment import AugmentParams, checked_changes
from ..indices import Indices, sample_index, sample_indices, selection
from ..labels import check_names, checked_labels
from .changes import changed
from .coding import coding_start, coding_steps

MAX_STEPS = 1_000_000  # of one series


@dataclass(frozen=True, kw_only=True, eq=False)
class Standard:
    """Mean and standard deviation of each channel over the steps of the training series."""

    mean: np.ndarray  # float32 [channels]
    sd: np.ndarray  # float32 [channels]; 1 where a channel never changes

    @classmethod
    def of(cls, x: Float[Tensor, "S channels"]) -> Standard:
        """Measure the channels of series that are joined end to end."""
        values = x.double()
        sd = values.std(0, correction=0)
        sd = torch.where(sd > 0, sd, torch.ones_like(sd))
        return cls(mean=values.mean(0).float().numpy(), sd=sd.float().numpy())

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Return series in standard deviations from the mean, float32 [T, channels]."""
        return ((x - self.mean) / self.sd).astype(np.float32)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class SeriesSet:
    """Series and their classes, coded as spikes when asked for, as `Trainer` takes them.

    Each series keeps its own length: batches are padded, and padding counts nowhere
    (`PaddedSpikes`). `steps` of a run is the longest series it takes.

    Example:
        >>> x, lengths = torch.randn(7, 2), torch.tensor([3, 4])    # two series, end to end
        >>> train = SeriesSet(values=x, lengths=lengths, y=torch.tensor([0, 1]), classes=2)
        >>> train.padded(torch.arange(2), steps=10).s.shape    # [T, B, inputs]
        torch.Size([4, 2, 8])
    """

    values: Tensor  # series end to end, float32 [sum of lengths, channels], in any unit
    lengths: Int[Tensor, " n"]  # steps of each
    y: Shaped[Tensor, "n ..."]  # class of each, int64; or real values, [n, values]
    classes: int  # output neurons of a network for them
    standard: Standard | None = None  # of the training series; None: these are the training series
    coding: CodingParams = field(default_factory=CodingParams)
    name: str = "series"
    split: str = "train"
    names: tuple[str, ...] = ()  # of the classes
    mel: MelParams | None = None  # filter bank that made them of sound; None: other series
    kind = "series"

    def __post_init__(self) -> None:
        check_names(name=self.name, split=self.split)
        instance_of(self.coding, CodingParams, "coding", "CodingParams(...)")
        check_kind(self.values, "values")
        check_kind(self.lengths, "lengths")
        whole_fields(self, "classes", table="SeriesSet", least=1, unit="class")
        if self.mel is not None:
            instance_of(self.mel, MelParams, "mel", "MelParams(...), or None")
        instance_of(self.names, tuple, "names", "a tuple of the names of the classes")
        check_names(**{f"names[{i}]": name for i, name in enumerate(self.names)})
        if self.values.ndim != 2 or not self.values.numel():
            raise ValueError(
                f"values are {self.values.dtype} of shape {tuple(self.values.shape)}; need real"
                " numbers [steps of all series, channels]"
            )
        values, lengths = self.values.detach().float(), self.lengths.to(torch.int64)
        self._check_lengths(values, lengths)
        if self.standard is None:
            object.__setattr__(self, "standard", Standard.of(values))
        standard = instance_of(self.standard, Standard, "standard", "that of the training series")
        if standard.mean.shape != values.shape[1:]:
            raise ValueError(
                f"values have {values.shape[1]} channels and the training series"
                f" {len(standard.mean)}: need as many"
            )
        y = checked_labels(self.y, len(lengths), self.classes, "series")
        ends = lengths.cumsum(0).tolist()
        parts = {"values": values, "lengths": lengths, "y": y, "_ends": ends}
        for name, value in parts.items():
            object.__setattr__(self, name, value)

    def _check_lengths(self, values: Tensor, lengths: Tensor) -> None:
        """Raise ValueError where lengths do not add up, or a series holds NaN or infinity."""
        if lengths.ndim != 1 or self.lengths.is_floating_point() or not len(lengths):
            raise ValueError(f"lengths are {text_of(self.lengths)}; need steps of each series, [n]")
        if int(lengths.min()) < 1 or int(lengths.sum()) != len(values):
            raise ValueError(
                f"lengths run from {int(lengths.min())} and sum to {int(lengths.sum()):,}; need at"
                f" least 1 step of each series, {len(values):,} in all"
            )
        bad = ~torch.isfinite(values).all(1)
        if bool(bad.any()):
            of_step = torch.repeat_interleave(torch.arange(len(lengths)), lengths)
            faulty = of_step[bad].unique()
            raise ValueError(
                f"{len(faulty):,} of {len(lengths):,} series of {self.name} hold values that are"
                f" not finite, the first is number {int(faulty[0])}: leave them out"
            )

    def __len__(self) -> int:
        return len(self.y)

    def __repr__(self) -> str:
        shortest, longest = int(self.lengths.min()), int(self.lengths.max())
        return (
            f"SeriesSet({self.name!r}, {self.split!r}, {len(self):,} series of {shortest:,} to"
            f" {longest:,} steps and {self.values.shape[1]} channels, classes={self.classes})"
        )

    def __getitem__(self, index: int) -> tuple[Float[Tensor, "T channels"], Tensor]:
        """Return one series as it is, in its own unit, and its label."""
        member = sample_index(index, len(self), "index")
        end = self._ends[member]  # type: ignore[attr-defined]  # set above
        return self.values[end - int(self.lengths[member]) : end], self.y[member]

    def __iter__(self) -> Iterator[tuple[Float[Tensor, "T channels"], Tensor]]:
        return (self[member] for member in range(len(self)))

    @property
    def inputs(self) -> int:
        """Number of input neurons."""
        return self.values.shape[1] * self.coding.inputs_per_channel

    @property
    def shape(self) -> tuple[int, int, int]:
        """Layout of the inputs: kinds of neurons, 1, and channels."""
        return (self.coding.inputs_per_channel, 1, self.values.shape[1])

    @property
    def mean_steps(self) -> float:
        """Mean length of a series."""
        return float(self.lengths.double().mean())

    def picture(self, member: int) -> np.ndarray:
        """Return a series as an image, [channels, steps], the last channel on top."""
        return self[member][0].T.flip(0).numpy()

    def subset(self, indices: Indices) -> SeriesSet:
        """Return the series with these indices, in this order."""
        chosen = selection(indices, len(self))
        numbers = torch.arange(len(self))[chosen].tolist()
        x = torch.cat([self[number][0] for number in numbers]) if numbers else self.values[:0]
        return dataclasses.replace(self, values=x, lengths=self.lengths[chosen], y=self.y[chosen])

    def coded(self, coding: CodingParams) -> SeriesSet:
        """Return the same series in another coding."""
        return dataclasses.replace(self, coding=coding)

    def padded(
        self,
        members: Indices,
        steps: int,
        *,
        augmentation: AugmentParams | None = None,
        generator: torch.Generator | None = None,
    ) -> PaddedSpikes:
        """Return the spikes of some series, padded to the longest of them.

        Args:
            steps: the longest series that is taken.
            augmentation: random changes (`changes.changed`); they need a generator.
        Raises: ValueError for a longer series.
        """
        check_generator(generator)
        whole_number(steps, "steps", 1, MAX_STEPS)
        p = checked_changes(augmentation)
        numbers = sample_indices(members, len(self), "members").tolist()
        if not numbers:
            raise ValueError("members are none; need at least one")
        longest = int(self.lengths[numbers].max())
        if longest > steps:
            raise ValueError(
                f"{self.name} has series of {longest:,} steps and steps is {steps:,}: set steps to"
                f" at least {int(self.lengths.max()):,}, or leave long series out"
            )
        assert self.standard is not None
        series = [self.standard(self[number][0].numpy()) for number in numbers]
        if p != AugmentParams():
            series = [changed(x, p, steps, generator) for x in series]
        lengths = torch.tensor([len(x) for x in series])
        batch = np.zeros((int(lengths.max()), len(series), self.values.shape[1]), np.float32)
        for b, x in enumerate(series):
            batch[: len(x), b] = x
            batch[len(x) :, b] = x[-1]  # padding; level crossings then stay silent there
        s = torch.from_numpy(
            coding_steps(coding_start(batch[0], self.coding), batch, self.coding)[0]
        )
        live = torch.arange(len(s))[:, None] < lengths
        return PaddedSpikes(s * live.unsqueeze(-1), lengths)

    def spikes(
        self,
        members: Indices,
        steps: int,
        *,
        augmentation: AugmentParams | None = None,
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, "T B N"]:
        """Return the spikes of `padded` alone; silent after the end of each series."""
        return self.padded(members, steps, augmentation=augmentation, generator=generator).s
