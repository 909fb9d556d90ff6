"""Settings of `biograd learn`, which its run folder keeps so that --resume needs no other flag."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import tomli_w

from hardware.border.faults import Faults

from ...checks import known_words
from ...files import atomic_write
from ...runs.config_files import read_fields

FILE = "learning.toml"  # in the run folder


@dataclass(frozen=True, kw_only=True)
class LearnSettings:
    """Settings of a run that learns on the chip: data, network, rules and length."""

    preset: Literal["", "best"] = ""  # best: the net and the length that end most accurate
    hidden: tuple[int, ...] = (100,)  # neurons of each hidden layer
    epochs: int = 3  # times through the training images
    samples: int = 0  # training images per epoch; 0: all (emulator), 500 in total (lava)
    dataset: str = "mnist"  # mnist or fashion
    # start from this network, a file of biograd export or a run folder with one (with its sizes
    # and steps)
    model: str = ""
    steps: int = 20  # time steps per sample, 1 to 48
    weight_bits: int = 8  # bits per weight: 2 to 6, or 8
    # how an update becomes an integer: a random number per synapse, or one per matrix (stock); or
    # none (nearest, floor)
    rounding: Literal["synapse", "stock", "nearest", "floor"] = "synapse"
    # signed (Loihi 2 and Lava) or unsigned (Loihi 1: the sign split over two traces)
    traces: Literal["signed", "unsigned"] = "signed"
    # feedback weights: learned in sleep, or random and fixed
    feedback: Literal["sleep", "random"] = "sleep"
    # all layers learn, or the last alone, on the frozen layers of --model, convolutions included
    plastic: Literal["all", "head"] = "all"
    # largest shift of an image, pixels; the host draws one per sample, so only the data changes
    shift: int = 0
    # meet the classes in tasks, one after another, without rehearsal: prototypes are recruited
    stream: Literal["", "new-classes"] = ""
    classes_per_task: int = 2  # with --stream
    shots: int = 0  # with --stream: training samples per class; 0: all
    prototypes: int = 1000  # with --stream: neurons that can be recruited, a tenth per class
    # with --stream: samples per class that the replay beside it keeps; 0: no nets beside it
    replay: int = 20
    faults: Faults = field(default_factory=Faults)  # of the chip: dead, stuck and synapses
    seed: int = 0  # of weights, order, rounding and dreams


PRESETS = {
    "": LearnSettings(),
    # chosen on 5,000 MNIST training images set apart
    "best": LearnSettings(preset="best", hidden=(400,), epochs=12, shift=1),
}


def preset_settings(name: str) -> LearnSettings:
    """Return the settings of a preset; "" is none."""
    if name not in PRESETS:
        known = [preset for preset in PRESETS if preset]
        raise ValueError(f"preset is {name!r}; {known_words(name, known)}")
    return PRESETS[name]


def stored_settings(folder: Path) -> LearnSettings | None:
    """Return the settings that a run folder keeps; None where it keeps none."""
    file = folder / FILE
    return read_fields(file, LearnSettings()) if file.is_file() else None


def keep_settings(folder: Path, settings: LearnSettings) -> None:
    """Write the settings of a new run into its folder."""
    atomic_write(folder / FILE, tomli_w.dumps(dataclasses.asdict(settings)).encode())


def expect_same(folder: Path, settings: LearnSettings) -> None:
    """Raise ValueError where a resumed run has other settings than its folder keeps, by name."""
    stored, wanted = stored_settings(folder), vars(settings)
    changes = [
        f"{name} is {getattr(stored, name)!r} there and {value!r} here"
        for name, value in wanted.items()
        if stored and getattr(stored, name) != value
    ]
    if changes:
        raise ValueError(
            f"{folder} holds another learning run ({'; '.join(changes)}): resume it unchanged, or"
            " name another folder with --out"
        )
