"""Measurements of a trained run in integers, on a small net of maps."""

from __future__ import annotations

import pytest

from benchmarks.measurements.integers import deployed
from biograd.params.sleep import SleepParams
from biograd.runs.config import RunConfig
from biograd.runs.experiment import Experiment


@pytest.fixture(scope="module")
def experiment(tmp_path_factory) -> Experiment:
    import numpy as np

    rng = np.random.default_rng(0)
    y = np.arange(60) % 3
    x = rng.integers(0, 60, (60, 6, 6)) + 180 * (np.arange(6) // 2 == y[:, None])[:, :, None]
    path = tmp_path_factory.mktemp("bars") / "bars.npz"
    np.savez(path, x_train=x.astype(np.uint8), y_train=y, x_test=x.astype(np.uint8), y_test=y)
    config = RunConfig(
        dataset=str(path),
        net="6c3-sum2-3",
        output="leaky",
        error="softmax",
        epochs=12,
        batch=10,
        steps=6,
        lr=5e-3,
        sleep=SleepParams(every=20, phases=2, first_night=20, steps=300, decay=0.1),
        threads=1,
    )
    experiment = Experiment.from_config(config)
    for _ in experiment.trainer.run():
        pass
    return experiment


@pytest.mark.filterwarnings("ignore:the layered feedback is left out")
def test_accuracy_by_bits_of_the_whole_test_set(experiment):
    eight, two = (deployed.accuracy_by_bits(experiment, bits) for bits in (8, 2))
    assert eight["samples"] == 60 and eight["float_test_accuracy"] > 0.9
    assert abs(eight["lost_points"]) <= 5 and two["test_accuracy"] <= 1
    # one of them for the bias neurons behind the maps
    assert eight["cores"] == 3 and eight["loihi2_cores"] == [1, 1]
    assert eight["operations_per_sample"]["synaptic_operations"] > 0


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:the layered feedback is left out")
def test_lava_differs_in_nothing_where_there_is_lava(experiment):
    results = deployed.against_lava(experiment, samples=2)
    if "why_no_lava" in results:
        pytest.skip(results["why_no_lava"])
    assert results["numbers_that_differ"] == results["lava_mismatches"] == 0
    assert results["numbers_compared"] == 2 * 6 * 3 * (216 + 3)


def test_pilotnets_cores_are_estimated_beside_those_reported():
    results = deployed.pilotnet()
    assert abs(results["error_of_total"]) <= 0.25 and results["worst_ratio_of_a_layer"] <= 2
