"""Learning in Lava's engine: golden runs on every Python, live runs where Lava is installed."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from hardware import lava_process
from hardware.border.archive import read_npz
from hardware.learning import against_lava
from hardware.learning.against_lava import Trail, compare, connection_names, emulate
from hardware.learning.emulator import learn
from hardware.learning.params import ChipLearningParams
from hardware.learning.plan import plan
from hardware.learning.sleep_params import ChipSleepParams
from hardware.learning.state import digest, start

GOLDEN = sorted((Path(__file__).parents[2] / "golden").glob("learning_*.npz"))


def golden(path: Path) -> tuple[ChipLearningParams, dict[str, np.ndarray]]:
    arrays = read_npz(path)
    return ChipLearningParams.from_json(str(arrays["params"])), arrays


def test_there_are_golden_runs():
    assert len(GOLDEN) == 9


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_emulator_learns_what_lava_learned_after_every_sample_and_sleep_phase(path):
    params, arrays = golden(path)
    emulated, _ = emulate(
        params, arrays["images"], arrays["labels"], plan(params, np.arange(len(arrays["labels"])))
    )
    assert np.array_equal(emulated.digests, arrays["digests"])
    by_day = [segment.sample >= 0 for segment in plan(params, np.arange(len(arrays["labels"])))]
    assert np.array_equal(emulated.outputs[by_day], arrays["outputs"][by_day])
    assert len(np.unique(emulated.digests[:, 0])) > 3, "nothing was learned"


def test_the_digest_differs_for_single_weights_and_traces():
    w, x1 = np.zeros((3, 2), dtype=np.int16), np.zeros(3, dtype=np.int64)
    other = w.copy()
    other[2, 1] = 2
    assert len({digest(w, x1), digest(other, x1), digest(w, x1 + 1), digest(w, x1[:0])}) == 4


def test_first_difference_is_named(monkeypatch):
    params, arrays = golden(GOLDEN[0])
    images, labels = arrays["images"], arrays["labels"]

    def almost_lava(params, images, labels, segments, **options):
        trail, state = emulate(params, images, labels, segments)
        digests = trail.digests.copy()
        digests[5, 1] += np.uint64(1)
        return Trail(digests=digests, outputs=trail.outputs, seconds=1.0), [
            *state.w,
            *(w for fb in state.w_fb for w in fb),
        ]

    monkeypatch.setattr(against_lava, "run_lava", almost_lava)
    comparison = compare(params, images, labels, samples=9)
    assert comparison.first_difference == "after segment 6 of 13, sample 4: weights into layer 2"
    assert comparison.sleep_phases == 4
    assert connection_names(params)[-1] == "feedback weights into layer 1"


@pytest.mark.parametrize("samples", [0, 10])
def test_more_samples_than_the_data_set_has_are_refused(samples):
    params, arrays = golden(GOLDEN[0])
    with pytest.raises(ValueError, match=f"samples is {samples}; the data set has 9"):
        compare(params, arrays["images"], arrays["labels"], samples=samples)


@pytest.mark.slow
@pytest.mark.usefixtures("lava")
@pytest.mark.parametrize(
    "changes", [{}, {"traces": "unsigned", "rounding": "stock", "weight_bits": 9}], ids=str
)
def test_lava_learns_the_same_now(changes):
    rng = np.random.default_rng(8)
    params = ChipLearningParams(
        sizes=(60, 30, 5),
        vth=200,
        gain_hidden=255,
        shift_hidden=11,
        seed=4,
        sleep=ChipSleepParams(steps=30, every=10, before=1),
        **changes,
    )
    images = (rng.random((20, 60)) * 255).astype(np.uint8)
    reports: list[int] = []
    comparison = compare(
        params,
        images,
        rng.integers(0, 5, 20),
        samples=20,
        deadline=120,
        progress=lambda done, total: reports.append(done),
    )
    assert comparison.first_difference is None
    assert comparison.sleep_phases == 3
    assert reports[-1] <= 23


@pytest.mark.slow
@pytest.mark.usefixtures("lava")
def test_the_deadline_ends_lava():
    params, arrays = golden(GOLDEN[0])
    with pytest.raises(lava_process.TargetError, match="deadline"):
        compare(params, arrays["images"], arrays["labels"], samples=9, deadline=0.5)


def test_lava_parses_the_rules_into_the_same_products():
    product_series = pytest.importorskip(
        "lava.magma.core.learning.product_series", reason="Lava exists for Python 3.10 alone"
    )
    symbolic = pytest.importorskip("lava.magma.core.learning.symbolic_equation")
    for params in (ChipLearningParams(), ChipLearningParams(traces="unsigned")):
        for rule in (params.forward_rule, params.feedback_rule):
            read = product_series.ProductSeries(symbolic.SymbolicEquation("dw", str(rule))).products
            assert len(read) == len(rule.products)
            for parsed, product in zip(read, rule.products, strict=True):
                assert (parsed.s_mantissa, parsed.s_exp - 7) == (product.mantissa, product.exponent)
                assert tuple(f.state_var for f in parsed.factors) == product.factors
                assert parsed.dependency == "u"


def test_lava_is_shown_the_shifted_images_that_the_emulator_learns(monkeypatch):
    def same_as_emulator(params, images, labels, segments, **options):
        trail, state = emulate(params, images, labels, segments)
        return trail, [*state.w, *(w for fb in state.w_fb for w in fb)]

    monkeypatch.setattr(against_lava, "run_lava", same_as_emulator)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (6, 16), dtype=np.uint8)
    labels = np.arange(6) % 3
    night = ChipSleepParams(steps=8, before=1)
    params = ChipLearningParams(sizes=(16, 5, 3), shift=1, sleep=night)
    compared = compare(params, images, labels, samples=6).state
    learned = start(params)
    list(learn(learned, images, labels))
    unmoved = compare(dataclasses.replace(params, shift=0), images, labels, samples=6).state
    assert np.array_equal(compared.w[0], learned.w[0])
    assert not np.array_equal(compared.w[0], unmoved.w[0])
