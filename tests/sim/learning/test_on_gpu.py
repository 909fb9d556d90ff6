"""A learning step by GPU kernels equals the general path, and never waits for the device."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip(
    "triton",
    reason="Triton is not installed: no GPU, no kernels (it is in the extra `dev` on Linux)",
)

from biograd import inputs, network
from biograd.data.augment import AugmentParams
from biograd.data.datasets import ImageSet
from biograd.data.samples import spikes_of
from biograd.errors import ERRORS, ClassWeighted, SignedSpikes
from biograd.feedback import RandomDFA, SleepAligned
from biograd.kernels import gpu, scans
from biograd.learning import on_gpu
from biograd.learning.by_steps import layer_at_once
from biograd.learning.learner import LocalLearner
from biograd.network import Network
from biograd.neurons import TwoCompartmentLIF, TwoCompartmentParams, apical_scan
from biograd.rules import Eligibility, Factorised, Rule, Update
from biograd.runs.experiment import resident
from biograd.sleep import SleepParams
from biograd.traces import TraceParams
from biograd.training.trainer import Trainer, TrainParams

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
# Neither a block of lanes (128) nor a multiple of it; a single step, and more than a word of 32.
lengths = st.sampled_from([1, 2, 33])
batches, widths = st.sampled_from([1, 3]), st.sampled_from([1, 43, 130])
seeds = st.integers(0, 2**31)
few = settings(max_examples=8)  # the interpreter takes a millisecond per step
pytestmark = pytest.mark.usefixtures("launched")


def drawn(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=drawn(seed)).to(DEVICE)


def spikes(seed: int, *shape: int, rate: float = 0.4) -> torch.Tensor:
    return torch.bernoulli(torch.full(shape, rate), generator=drawn(seed)).to(DEVICE)


def digits() -> ImageSet:
    x = torch.randint(0, 256, (24, 6, 5), dtype=torch.uint8, generator=drawn(0)).to(DEVICE)
    return ImageSet("random", "train", x, torch.arange(24, device=DEVICE) % 3, 3)


def stepped(rule: Rule, g: torch.Tensor, s_pre: torch.Tensor) -> Update:
    state = rule.start(g[0], s_pre[0])
    for t in range(len(g)):
        state = rule.step(state, g[t], s_pre[t])
    return rule.finish(state, len(g))


@few
@given(lengths, batches, widths, seeds, st.sampled_from([0.0, 0.6]), st.booleans())
@pytest.mark.parametrize(
    "rule",
    [
        Eligibility(TraceParams(alpha_x=0.5, alpha_z=0.75)),
        Eligibility(TraceParams(alpha_z=0.0)),
        Factorised(),
    ],
)
def test_updates_equal_the_rules_steps(rule, steps, batch, n, seed, alpha_a, gated) -> None:
    neuron = TwoCompartmentLIF(TwoCompartmentParams(alpha_a=alpha_a))
    teach, s_pre = normal(seed, steps, batch, n), spikes(seed + 1, steps, batch, 6)
    psi = spikes(seed + 2, steps, batch, n)
    assert on_gpu.learns(neuron, rule, teach)
    update = on_gpu.update(rule, teach, psi.bool() if gated else None, s_pre, alpha_a)
    expected = stepped(rule, apical_scan(neuron, teach) * (psi if gated else 1), s_pre)
    torch.testing.assert_close(
        update.dw, expected.dw, rtol=1e-4, atol=1e-5
    )  # sums in another order
    torch.testing.assert_close(update.db, expected.db, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("rule", [Eligibility(), Factorised()])
def test_a_learning_step_equals_the_general_path(
    launched: list[str], error: str, rule: Rule
) -> None:
    net = Network(
        (30, 70, 20, 5),
        neuron=TwoCompartmentLIF(TwoCompartmentParams(alpha_a=0.3)),
        generator=drawn(0),
    ).to(DEVICE)
    s, labels = spikes(1, 12, 9, 30), torch.arange(9, device=DEVICE) % 5
    target = torch.nn.functional.one_hot(labels, 5).float()
    learner = LocalLearner(
        net, RandomDFA(net, generator=drawn(2)), error=ERRORS[error](), rule=rule
    )
    launched.clear()
    fast = layer_at_once(learner.teaching, s, target)
    assert (
        launched
        == ["soma"] * 3 + ["filter_error" if isinstance(rule, Eligibility) else "gated_sum"] * 3
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gpu, "runs_on", lambda x, dtype=torch.float32: False)
        patch.setattr(scans, "runs_on", lambda x: False)
        general = layer_at_once(learner.teaching, s, target)
    assert torch.equal(fast.counts, general.counts) and torch.equal(fast.rates, general.rates)
    assert any(update.dw.abs().sum() > 0 for update in fast.updates)
    for quick, slow in zip(fast.updates, general.updates, strict=True):
        torch.testing.assert_close(quick.dw, slow.dw, rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(quick.db, slow.db, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("rule", [Eligibility(), Factorised()])
def test_a_recurrent_layer_learns_by_kernels_as_by_its_steps(rule: Rule) -> None:
    net = Network((30, 20, 5), recurrent=True, generator=drawn(0)).to(DEVICE)
    s, labels = spikes(1, 12, 9, 30), torch.arange(9, device=DEVICE) % 5
    learner = LocalLearner(net, RandomDFA(net, generator=drawn(2)), rule=rule)
    target = torch.nn.functional.one_hot(labels, 5).float()
    fast = layer_at_once(learner.teaching, s, target)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gpu, "runs_on", lambda x, dtype=torch.float32: False)
        patch.setattr(scans, "runs_on", lambda x: False)
        general = layer_at_once(learner.teaching, s, target)
    for quick, slow in zip(fast.updates, general.updates, strict=True):
        torch.testing.assert_close(tuple(quick), tuple(slow), rtol=1e-4, atol=1e-6)
    assert fast.updates[0].dw_rec is not None and fast.updates[0].dw_rec.any()


def test_a_learning_step_never_waits_for_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    # A CUDA graph cannot record operations that read a number out of a tensor, nor shapes that
    # depend on values.
    from torch.utils._python_dispatch import TorchDispatchMode

    waiting = {"_local_scalar_dense", "item", "nonzero", "masked_select", "equal", "is_nonzero"}
    called: set[str] = set()

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            called.add(func.__name__.split(".")[0])
            return func(*args, **(kwargs or {}))

    # On a GPU it reads no values (test_inputs), here it would.
    monkeypatch.setattr(network, "check_finite_values", lambda x, name: None)
    net = Network((8, 6, 3), generator=drawn(0)).to(DEVICE)
    learner = LocalLearner(net, RandomDFA(net))
    s, target = spikes(1, 4, 2, 8), torch.eye(3, device=DEVICE)[:2]
    with Watch():
        layer_at_once(learner.teaching, s, target)
    assert "mm" in called and not called & waiting


@pytest.mark.parametrize(
    "error", [*(kind() for kind in ERRORS.values()), ClassWeighted(SignedSpikes(), torch.ones(3))]
)
@pytest.mark.parametrize("rule", [Eligibility(), Factorised()])
def test_a_batch_stays_on_the_device_from_its_images_to_its_updates(
    monkeypatch, error, rule: Rule
) -> None:
    # On torch's device without memory, a tensor left on the CPU and a number read out both raise.
    monkeypatch.setattr(inputs, "check_kind", lambda x, name: None)  # which refuses that device

    def launch(name, on, lanes, *arguments, **meta) -> None:
        assert all(
            tensor.device.type == "meta" for tensor in arguments if isinstance(tensor, torch.Tensor)
        ), name

    monkeypatch.setattr(
        gpu, "runs_on", lambda x, dtype=torch.float32: x.device.type == "meta" and x.dtype == dtype
    )
    monkeypatch.setattr(gpu, "_launch", launch)
    net = Network((30, 8, 3)).to("meta")
    learner = LocalLearner(net, RandomDFA(net), error=error, rule=rule)
    images = resident(
        ImageSet("none", "train", torch.zeros(9, 6, 5, dtype=torch.uint8), torch.arange(9) % 3, 3),
        "meta",
    )
    assert isinstance(images, ImageSet)
    s = spikes_of(
        images, torch.arange(4), 5, augmentation=AugmentParams(shift=1), generator=drawn(0)
    )
    result = learner.step(s, images.y[:4])
    assert {tensor.device.type for tensor in (s, *result, *(p.grad for p in net.parameters()))} == {
        "meta"
    }


def test_other_rules_neurons_and_precisions_take_the_general_path() -> None:
    class DerivedRule(Eligibility):
        def finish(self, state, steps):
            return super().finish(state, 2 * steps)

    class DerivedNeuron(TwoCompartmentLIF):
        def apical(self, v_apical, teach):
            return teach.sign()

    g, neuron = normal(0, 2, 1, 3), TwoCompartmentLIF()
    assert on_gpu.learns(neuron, Factorised(), g)
    assert not on_gpu.learns(neuron, DerivedRule(), g) and not on_gpu.learns(
        DerivedNeuron(), Factorised(), g
    )
    assert not on_gpu.learns(neuron, Factorised(), g.double())


@pytest.mark.slow
def test_a_training_run_by_kernels_ends_where_the_general_path_ends(launched, monkeypatch) -> None:
    # a network on a GPU is not event driven
    monkeypatch.setattr(network, "runs_on", lambda x: False)

    def trained() -> tuple[list[dict], list[torch.Tensor]]:
        net = Network((30, 20, 3), generator=drawn(1)).to(DEVICE)
        feedback = SleepAligned(net, generator=drawn(2))
        nights = SleepParams(every=2, phases=1, first_night=2, steps=30)
        params = TrainParams(epochs=2, batch=9, steps=5)
        trainer = Trainer(
            LocalLearner(net, feedback),
            torch.optim.Adam(net.parameters(), lr=1e-2),
            digits(),
            params=params,
            test_set=digits(),
            augmentation=AugmentParams(shift=1),
            sleep=nights,
        )
        return list(trainer.run()), [*net.parameters(), *feedback.parameters()]

    launched.clear()
    records, by_kernels = trained()
    assert set(launched) == {"soma", "filter_error", "integrate_and_fire", "dream", "surprise"}
    monkeypatch.setattr(gpu, "runs_on", lambda x, dtype=torch.float32: False)
    monkeypatch.setattr(scans, "runs_on", lambda x: False)
    general, by_steps = trained()
    assert [r["train_accuracy"] for r in records] == [r["train_accuracy"] for r in general]
    assert records[-1]["test_accuracy"] == general[-1]["test_accuracy"]
    for a, b in zip(by_kernels, by_steps, strict=True):
        # Adam's division makes last bits of small updates count
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)
