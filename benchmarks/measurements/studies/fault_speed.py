"""The price of fault injection: speed with no faults, and with some, over the plain code's."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import torch

from biograd.data.datasets import ImageSet, load_images
from biograd.deployment import chip_spikes
from biograd.interop.nir import to_model
from biograd.network import Network
from biograd.studies.faults import evaluate_with_faults
from biograd.training.evaluation import evaluate
from hardware import emulator, faulty_emulator
from hardware.border.faults import Faults
from hardware.fixed_point import quantise
from hardware.learning.emulator import learn
from hardware.learning.faults import damaged
from hardware.learning.params import ChipLearningParams
from hardware.learning.state import start

from ..speed import interleaved

_PLACES = ("simulator", "emulator", "learning")


@dataclass(frozen=True, kw_only=True)
class SpeedParams:
    """An untrained network, the images that it sees, and the rounds of the race."""

    hidden: int = 256
    samples: int = 1000
    steps: int = 10
    dead: float = 0.1  # of the faults whose price is measured
    synapses: float = 0.1
    rounds: int = 9
    seconds: float = 0.3  # of each turn, at least


def measure(
    p: SpeedParams, seed: int, images: ImageSet | None = None
) -> Iterator[dict[str, Any]]:  # any: JSON
    """Yield one row: medians over interleaved rounds, by this process's processor time.

    Args:
        images: in place of MNIST's test images.
    """
    images = (images or load_images("mnist", "test")).subset(slice(0, p.samples))
    pixels, classes = images.x[0].numel(), images.classes
    net = Network((pixels, p.hidden, classes), generator=torch.Generator().manual_seed(seed))
    model = to_model(net, None, steps=p.steps, encoder="integrate_and_fire", info={})
    spikes = chip_spikes(model, images)
    fixed = quantise(model, calibration=spikes)
    x, y = images.x.flatten(1).numpy(), images.y.numpy()
    params = ChipLearningParams(sizes=(pixels, p.hidden, classes), seed=seed)

    def learned(faults: Faults | None) -> None:
        state = start(params)
        list(learn(state if faults is None else damaged(state, faults), x, y))

    none, some = Faults(seed=seed), Faults(dead=p.dead, synapses=p.synapses, seed=seed)
    work = {
        "simulator": lambda: evaluate(net, images, steps=p.steps),
        "simulator, none": lambda: evaluate_with_faults(net, images, none, steps=p.steps),
        "simulator, some": lambda: evaluate_with_faults(net, images, some, steps=p.steps),
        "emulator": lambda: emulator.run(fixed, spikes),
        "emulator, none": lambda: faulty_emulator.run(fixed, spikes, none),
        "emulator, some": lambda: faulty_emulator.run(fixed, spikes, some),
        "learning": lambda: learned(None),
        "learning, none": lambda: learned(none),
        "learning, some": lambda: learned(some),
    }
    torch.set_num_threads(1)
    speeds = interleaved(
        work, rounds=p.rounds, samples=len(images), seconds=p.seconds, clock=time.process_time
    )
    yield {
        "task": "fault speed",
        "samples_per_second": {name: statistics.median(rates) for name, rates in speeds.items()},
        **{
            f"{way}_ratio": {
                place: statistics.median(
                    a / b for a, b in zip(speeds[f"{place}, {way}"], speeds[place], strict=True)
                )
                for place in _PLACES
            }
            for way in ("none", "some")
        },
    }


def described(p: SpeedParams) -> dict[str, Any]:  # any: JSON
    """Return the configuration that identifies a row."""
    return {"what": "price of faults"} | asdict(p)
