"""A trained run in the chip's integers: accuracy by weight bits, speed, and Lava on a slice."""

from __future__ import annotations

from typing import Any

from biograd.commands.helpers.trained import model_of
from biograd.deployment import CALIBRATION, chip_spikes, price
from biograd.runs.experiment import Experiment
from hardware import limits, targets
from hardware.border.model import Model, SpikeInput
from hardware.fixed_point import FixedPointModel, quantise
from hardware.lava_process import TargetError
from hardware.placement import loihi2

BITS = (8, 6, 4)
LAVA_SAMPLES = 50
DEADLINE = 3000.0  # seconds for Lava, which takes seconds for each image of a convolution


# any, here and below: JSON
def accuracy_by_bits(experiment: Experiment, bits: int) -> dict[str, Any]:
    """Return accuracies of the whole test set before and after rounding, and what it costs."""
    model, fixed, spikes = _deployed(experiment, bits)
    targets.run(fixed, spikes.of(slice(0, 10)), "emulator")  # compiles
    result = targets.run(fixed, spikes, "emulator")
    fit = limits.check(fixed)
    assert spikes.labels is not None
    float_accuracy = experiment.trainer.evaluate().test_accuracy
    assert float_accuracy is not None
    return {
        "dataset": experiment.config.dataset,
        "net": experiment.net.description,
        "seed": experiment.config.seed,
        "weight_bits": bits,
        "samples": result.samples,
        "float_test_accuracy": float_accuracy,
        "test_accuracy": result.accuracy(spikes.labels),
        "lost_points": 100 * (float_accuracy - result.accuracy(spikes.labels)),
        "samples_per_second": result.samples / result.seconds,
        "wrapped_currents": result.wrapped_currents,
        "saturated_voltages": result.saturated_voltages,
        "cores": fit.cores,
        "loihi2_cores": list(loihi2.estimate_cores(loihi2.sizes_of(fixed))),
        "operations_per_sample": result.operations.per_sample(),
        "energy": price(result.operations, fit.layers).record(),
        "steps": model.steps,
    }


def against_lava(experiment: Experiment, samples: int = LAVA_SAMPLES) -> dict[str, Any]:
    """Run the first test samples in Lava too; compare every current, voltage and spike."""
    _, fixed, spikes = _deployed(experiment, 8)
    few = spikes.of(slice(0, samples))
    emulated = targets.run(fixed, few, "emulator", record="uvs")
    results = {"samples": samples, "net": experiment.net.description}
    try:
        lavas = targets.run(fixed, few, "lava", record="uvs", deadline=DEADLINE, workers=1)
    except TargetError as error:
        return results | {"why_no_lava": str(error)}
    differ, compared = 0, 0
    for name in ("u", "v", "s"):
        for a, b in zip(getattr(emulated, name), getattr(lavas, name), strict=True):
            differ += int((a != b).sum())
            compared += a.size
    fast, slow = samples / emulated.seconds, samples / lavas.seconds
    return results | {
        "numbers_compared": compared,
        "numbers_that_differ": differ,
        "lava_mismatches": int((emulated.counts != lavas.counts).any(axis=1).sum()),
        "emulator_samples_per_second": fast,
        "lava_samples_per_second": slow,
        "ratio_emulator_vs_lava": fast / slow,
    }


def pilotnet() -> dict[str, Any]:
    """Return the estimated cores of lava-dl's PilotNet on Loihi 2 beside those reported."""
    estimated = loihi2.estimate_cores(loihi2.PILOTNET)
    ratios = [a / b for a, b in zip(estimated, loihi2.PILOTNET_CORES, strict=True)]
    return {
        "source": "lava-dl, tutorials/lava/lib/dl/netx/pilotnet_snn, as reported there",
        "estimated_cores": list(estimated),
        "reported_cores": list(loihi2.PILOTNET_CORES),
        "error_of_total": sum(estimated) / sum(loihi2.PILOTNET_CORES) - 1,
        "worst_ratio_of_a_layer": max(max(ratio, 1 / ratio) for ratio in ratios),
    }


def _deployed(experiment: Experiment, bits: int) -> tuple[Model, FixedPointModel, SpikeInput]:
    model = model_of(experiment)
    calibration = chip_spikes(model, experiment.train_set.subset(slice(0, CALIBRATION)))
    fixed = quantise(model, calibration=calibration, weight_bits=bits)
    return model, fixed, chip_spikes(model, experiment.test_set)
