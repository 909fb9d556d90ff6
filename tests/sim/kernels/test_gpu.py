"""The kernels mean what the pure steps mean: held to them under Triton's interpreter on a CPU, and
on a GPU where there is one.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip(
    "triton",
    reason="Triton is not installed: no GPU, no kernels (it is in the extra `dev` on Linux)",
)

from biograd import network, sleep
from biograd.data.augment import AugmentParams, augment, drawn_shift
from biograd.data.datasets import ImageSet
from biograd.data.samples import encode, spikes_of
from biograd.encoders import integrate_and_fire, latency
from biograd.errors import ERRORS, ClassWeighted, SignedSpikes
from biograd.feedback import RandomDFA, SleepAligned
from biograd.kernels import gpu, scans
from biograd.learning import on_gpu
from biograd.learning.by_steps import layer_at_once
from biograd.learning.learner import LocalLearner
from biograd.network import Network
from biograd.neurons import TwoCompartmentLIF, TwoCompartmentParams, apical_scan, soma_scan
from biograd.rules import Eligibility, Factorised, Rule, Update
from biograd.runs.experiment import resident
from biograd.sleep import SleepParams
from biograd.traces import TraceParams, rest, trace_scan, trace_step
from biograd.training.trainer import Trainer, TrainParams

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
# Neither a block of lanes (128) nor a multiple of it; a single step, and more than a word of 32.
lengths, batches, widths = (
    st.sampled_from([1, 2, 33]),
    st.sampled_from([1, 3]),
    st.sampled_from([1, 43, 130]),
)
seeds = st.integers(0, 2**31)
few = settings(max_examples=8)  # the interpreter takes a millisecond per step


@pytest.fixture(autouse=True, scope="module")
def launched():
    """The kernels, interpreted where there is no GPU: the names of those that were launched, in
    order.
    """
    with pytest.MonkeyPatch.context() as patch:
        if DEVICE == "cpu":
            patch.setenv("TRITON_INTERPRET", "1")
            patch.setattr(gpu, "runs_on", lambda x, dtype=torch.float32: x.dtype == dtype)
        sys.modules.pop("biograd.kernels.gpu_kernels", None)
        importlib.import_module("biograd.kernels.gpu_kernels")
        names: list[str] = []
        launch = gpu._launch
        patch.setattr(
            gpu,
            "_launch",
            lambda name, *arguments, **meta: (names.append(name), launch(name, *arguments, **meta)),
        )
        yield names
    sys.modules.pop("biograd.kernels.gpu_kernels", None)


def drawn(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=drawn(seed)).to(DEVICE)


def spikes(seed: int, *shape: int, rate: float = 0.4) -> torch.Tensor:
    return torch.bernoulli(torch.full(shape, rate), generator=drawn(seed)).to(DEVICE)


@few
@given(
    lengths,
    batches,
    widths,
    seeds,
    st.sampled_from([(0.5, 0.75), (0.9, 0.3)]),
    st.sampled_from([0.4, 1.0]),
)
def test_spikes_and_slopes_equal_the_steps_to_the_bit(
    launched, steps, batch, n, seed, alphas, window
) -> None:
    p = TwoCompartmentParams(alpha_u=alphas[0], alpha_v=alphas[1], window=window)
    current = normal(seed, steps, batch, n)
    s, psi = soma_scan(TwoCompartmentLIF(p), current)
    assert launched[-1] == "soma"
    stepped_s, stepped_psi = soma_scan(TwoCompartmentLIF(p), current, compiled=False)
    assert torch.equal(s, stepped_s) and torch.equal(psi.float(), stepped_psi)


def test_a_voltage_at_the_threshold_does_not_fire_and_one_at_the_window_has_no_slope() -> None:
    current = torch.tensor([1.0, 1.0000001, 2.0, 0.0, 1.5], device=DEVICE).view(1, 1, 5)
    s, psi = gpu.soma(current, 0.5, 0.75, 1.0)
    assert s.flatten().tolist() == [0, 1, 1, 0, 1] and psi.flatten().tolist() == [
        True,
        True,
        False,
        False,
        True,
    ]


@few
@given(lengths, batches, widths, seeds, st.sampled_from([(0.5, 0.75), (0.3, 0.0)]))
def test_traces_equal_the_steps_to_the_bit(launched, steps, batch, n, seed, alphas) -> None:
    s, p = spikes(seed, steps, batch, n), TraceParams(alpha_x=alphas[0], alpha_z=alphas[1])
    state, stepped = rest(s[0]), []
    for now in s:
        state = trace_step(state, now, p)
        stepped.append(state.z)
    assert torch.equal(trace_scan(s, p), torch.stack(stepped)) and launched[-1] == "trace"


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
    teach, s_pre, psi = (
        normal(seed, steps, batch, n),
        spikes(seed + 1, steps, batch, 6),
        spikes(seed + 2, steps, batch, n),
    )
    assert on_gpu.learns(neuron, rule, teach)
    found = on_gpu.update(rule, teach, psi.bool() if gated else None, s_pre, alpha_a)
    expected = stepped(rule, apical_scan(neuron, teach) * (psi if gated else 1), s_pre)
    torch.testing.assert_close(found.dw, expected.dw, rtol=1e-4, atol=1e-5)  # sums in another order
    torch.testing.assert_close(found.db, expected.db, rtol=1e-4, atol=1e-5)


def test_a_spike_by_hand() -> None:
    # One input fires at step 1 of 3, the error is 1 at step 2: its trace there is 0.5 + 0.75 =
    # 1.25.
    teach = torch.tensor([0.0, 0.0, 1.0], device=DEVICE).view(3, 1, 1)
    owed, total = gpu.owed(teach, None, 0.0, 0.5, 0.75)
    assert (
        owed.flatten().tolist() == [0.25 + 0.375 + 0.5625, 1.25, 1.0]
        and total.item() == 1.1875 + 1.25 + 1.0
    )
    assert (
        gpu.gated_sum(
            teach, torch.tensor([True, True, False], device=DEVICE).view(3, 1, 1), 0.0
        ).item()
        == 0
    )


def test_a_closed_gate_lets_no_error_through_and_time_flows_one_way() -> None:
    teach, psi = (
        torch.ones(4, 1, 2, device=DEVICE),
        torch.zeros(4, 1, 2, dtype=torch.bool, device=DEVICE),
    )
    psi[1, 0, 1] = True
    owed, _ = gpu.owed(teach, psi, 0.0, 0.5, 0.75)
    assert owed[:, 0, 0].tolist() == [0, 0, 0, 0]
    # spikes that come after the error are owed nothing
    assert owed[:2, 0, 1].gt(0).all() and owed[2:, 0, 1].eq(0).all()


@few
@given(st.sampled_from([1, 7, 40]), st.sampled_from([1, 5]), seeds, st.booleans())
def test_images_on_the_device_become_the_spikes_of_the_encoder(steps, batch, seed, moved) -> None:
    images = torch.randint(0, 256, (9, 5, 7), dtype=torch.uint8, generator=drawn(seed))
    members = torch.randint(0, 9, (batch,), generator=drawn(seed + 1))
    p = AugmentParams(shift=2 if moved else 0)
    offset = drawn_shift(batch, p, generator=drawn(seed)) if moved else None
    expected = encode(augment(images[members], p, generator=drawn(seed)), integrate_and_fire, steps)
    assert torch.equal(
        gpu.integrate_and_fire_images(images.to(DEVICE), members, steps, offset).cpu(), expected
    )


def test_every_grey_value_fires_as_the_encoder_says() -> None:
    greys = torch.arange(256, dtype=torch.uint8).view(1, 16, 16)
    found = gpu.integrate_and_fire_images(greys.to(DEVICE), torch.tensor([0]), 50)
    assert torch.equal(found.cpu(), encode(greys, integrate_and_fire, 50))


@few
@given(lengths, widths, seeds)
def test_dreams_and_surprise_equal_the_steps_to_the_bit(launched, steps, n, seed) -> None:
    current, noise = normal(seed, steps, n), 0.6 * normal(seed + 1, steps, n)
    neuron, s = TwoCompartmentLIF(), spikes(seed + 2, steps, n)
    found_dream, found_surprise = (
        sleep._dream_scan(current, noise, neuron, 0.02),
        sleep._surprise_scan(s, 0.02),
    )
    assert launched[-2:] == ["dream", "surprise"]
    with pytest.MonkeyPatch.context() as patch:  # step by step
        patch.setattr(gpu, "runs_on", lambda x, dtype=torch.float32: False)
        patch.setattr(scans, "runs_on", lambda x: False)
        assert torch.equal(found_dream, sleep._dream_scan(current, noise, neuron, 0.02))
        assert torch.equal(found_surprise, sleep._surprise_scan(s, 0.02))


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("rule", [Eligibility(), Factorised()])
def test_a_learning_step_equals_the_general_way(
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
    assert launched == ["soma"] * 3 + ["owe" if isinstance(rule, Eligibility) else "gated_sum"] * 3
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gpu, "runs_on", lambda x, dtype=torch.float32: False)
        patch.setattr(scans, "runs_on", lambda x: False)
        general = layer_at_once(learner.teaching, s, target)
    assert torch.equal(fast.counts, general.counts) and torch.equal(fast.rates, general.rates)
    assert any(update.dw.abs().sum() > 0 for update in fast.updates)
    for ours, theirs in zip(fast.updates, general.updates, strict=True):
        torch.testing.assert_close(ours.dw, theirs.dw, rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(ours.db, theirs.db, rtol=1e-4, atol=1e-6)


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
    for ours, theirs in zip(fast.updates, general.updates, strict=True):
        torch.testing.assert_close(tuple(ours), tuple(theirs), rtol=1e-4, atol=1e-6)
    assert fast.updates[0].dw_rec is not None and fast.updates[0].dw_rec.any()


def test_a_learning_step_never_waits_for_the_device() -> None:
    # What cannot be recorded as a CUDA graph: reading a number out of a tensor, and shapes that
    # depend on values.
    from torch.utils._python_dispatch import TorchDispatchMode

    waiting = {"_local_scalar_dense", "item", "nonzero", "masked_select", "equal", "is_nonzero"}
    seen: set[str] = set()

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            seen.add(func.__name__.split(".")[0])
            return func(*args, **(kwargs or {}))

    net = Network((8, 6, 3), generator=drawn(0)).to(DEVICE)
    learner = LocalLearner(net, RandomDFA(net))
    s, target = spikes(1, 4, 2, 8), torch.eye(3, device=DEVICE)[:2]
    with Watch():
        layer_at_once(learner.teaching, s, target)
    assert "mm" in seen and not seen & waiting


@pytest.mark.parametrize(
    "error", [*(kind() for kind in ERRORS.values()), ClassWeighted(SignedSpikes(), torch.ones(3))]
)
@pytest.mark.parametrize("rule", [Eligibility(), Factorised()])
def test_a_batch_lies_on_the_device_from_its_images_to_its_updates(
    monkeypatch, error, rule: Rule
) -> None:
    # On torch's device without memory: a tensor left on the processor, or a number read out,
    # raises.
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


def test_what_the_kernels_do_not_know_takes_the_general_way() -> None:
    class OwnRule(Eligibility):
        def finish(self, state, steps):
            return super().finish(state, 2 * steps)

    class OwnNeuron(TwoCompartmentLIF):
        def apical(self, v_apical, teach):
            return teach.sign()

    g, neuron = normal(0, 2, 1, 3), TwoCompartmentLIF()
    assert on_gpu.learns(neuron, Factorised(), g)
    assert not on_gpu.learns(neuron, OwnRule(), g) and not on_gpu.learns(
        OwnNeuron(), Factorised(), g
    )
    assert not on_gpu.learns(neuron, Factorised(), g.double())


def test_resident_images_are_picked_moved_and_encoded_by_one_kernel_with_the_same_draws(
    launched,
) -> None:
    images = digits()
    members, changes = torch.tensor([3, 0, 3]), AugmentParams(shift=2)
    launched.clear()
    found = spikes_of(images, members, 6, augmentation=changes, generator=drawn(5))
    assert launched == ["integrate_and_fire"]
    expected = encode(
        augment(images.x[members].cpu(), changes, generator=drawn(5)), integrate_and_fire, 6
    )
    assert torch.equal(found.cpu(), expected)
    launched.clear()
    # that one resamples
    spikes_of(
        images, members, 6, augmentation=AugmentParams(shift=2, rotate=5.0), generator=drawn(5)
    )
    spikes_of(images, members, 6, encoder=latency)
    assert launched == []


def digits() -> ImageSet:
    x = torch.randint(0, 256, (24, 6, 5), dtype=torch.uint8, generator=drawn(0)).to(DEVICE)
    return ImageSet("random", "train", x, torch.arange(24, device=DEVICE) % 3, 3)


@pytest.mark.slow
def test_a_training_run_by_kernels_ends_where_the_general_way_does(launched, monkeypatch) -> None:
    # a GPU's network does not go by events
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
    records, ours = trained()
    assert set(launched) == {"soma", "owe", "integrate_and_fire", "dream", "surprise"}
    monkeypatch.setattr(gpu, "runs_on", lambda x, dtype=torch.float32: False)
    monkeypatch.setattr(scans, "runs_on", lambda x: False)
    general, theirs = trained()
    assert [r["train_accuracy"] for r in records] == [r["train_accuracy"] for r in general]
    assert records[-1]["test_accuracy"] == general[-1]["test_accuracy"]
    for a, b in zip(ours, theirs, strict=True):
        # Adam's division makes last bits of small updates count
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)


SIGNATURES = {  # of each kernel's arguments, as a launch gives them; and its compile-time constants
    "soma": ("*fp32 *fp32 *u8 i32 i32 fp32 fp32 fp32", [{}]),
    "trace": ("*fp32 *fp32 i32 i32 fp32 fp32", [{}]),
    "owe": (
        "*fp32 *u8 *fp32 *fp32 i32 i32 fp32 fp32 fp32",
        [{"GATED": g, "LINGERS": a} for g in (True, False) for a in (True, False)],
    ),
    "gated_sum": ("*fp32 *u8 *fp32 i32 i32 fp32", [{"GATED": True}, {"GATED": False}]),
    "integrate_and_fire": (
        "*u8 *i64 *i64 *fp32 i32 i32 i32 i32 i32",
        [{"SHIFTED": True}, {"SHIFTED": False}],
    ),
    "dream": ("*fp32 *fp32 *fp32 *fp32 i32 i32 fp32 fp32 fp32", [{}]),
    "surprise": ("*fp32 *fp32 *fp32 i32 i32", [{}]),
}


@pytest.mark.slow
def test_every_kernel_compiles_for_a_gpu_and_contracts_no_sums(monkeypatch, tmp_path) -> None:
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    spec = importlib.util.find_spec("biograd.kernels.gpu_kernels")
    assert spec is not None and spec.loader is not None
    compiled = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(compiled)
    assert {
        name for name, value in vars(compiled).items() if isinstance(value, triton.JITFunction)
    } == set(SIGNATURES)
    for name, (types, variants) in SIGNATURES.items():
        for constants in variants:
            fn = getattr(compiled, name)
            meta = constants | {"BLOCK": gpu.BLOCK}
            signature = dict(
                zip(fn.arg_names, [*types.split(), *["constexpr"] * len(meta)], strict=True)
            )
            source = ASTSource(fn, signature, meta)
            made = triton.compile(
                source, target=GPUTarget("cuda", 90, 32), options={"enable_fp_fusion": False}
            )
            assert made.asm["cubin"] and "fma." not in made.asm["ptx"], name
