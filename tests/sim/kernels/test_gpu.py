"""GPU kernels equal the pure steps, under Triton's interpreter on a CPU or on a GPU."""

from __future__ import annotations

import importlib.util

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip(
    "triton",
    reason="Triton is not installed: no GPU, no kernels (it is in the extra `dev` on Linux)",
)

from biograd import sleep
from biograd.data.augment import AugmentParams, augment, drawn_shift
from biograd.data.datasets import ImageSet
from biograd.data.samples import encode, spikes_of
from biograd.encoders import integrate_and_fire, latency
from biograd.kernels import gpu, scans
from biograd.neurons import TwoCompartmentLIF, TwoCompartmentParams, soma_scan
from biograd.traces import TraceParams, rest, trace_scan, trace_step

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
    assert s.flatten().tolist() == [0, 1, 1, 0, 1]
    assert psi.flatten().tolist() == [True, True, False, False, True]


@few
@given(lengths, batches, widths, seeds, st.sampled_from([(0.5, 0.75), (0.3, 0.0)]))
def test_traces_equal_the_steps_to_the_bit(launched, steps, batch, n, seed, alphas) -> None:
    s, p = spikes(seed, steps, batch, n), TraceParams(alpha_x=alphas[0], alpha_z=alphas[1])
    state, stepped = rest(s[0]), []
    for now in s:
        state = trace_step(state, now, p)
        stepped.append(state.z)
    assert torch.equal(trace_scan(s, p), torch.stack(stepped)) and launched[-1] == "trace"


def test_a_spike_by_hand() -> None:
    # One input fires at step 1 of 3, the error is 1 at step 2: its trace there is 0.5 + 0.75 =
    # 1.25.
    teach = torch.tensor([0.0, 0.0, 1.0], device=DEVICE).view(3, 1, 1)
    filtered, total = gpu.filtered_error(teach, None, 0.0, 0.5, 0.75)
    assert filtered.flatten().tolist() == [0.25 + 0.375 + 0.5625, 1.25, 1.0]
    assert total.item() == 1.1875 + 1.25 + 1.0
    psi = torch.tensor([True, True, False], device=DEVICE).view(3, 1, 1)
    assert gpu.gated_sum(teach, psi, 0.0).item() == 0


def test_a_closed_gate_lets_no_error_through_and_time_flows_one_way() -> None:
    teach = torch.ones(4, 1, 2, device=DEVICE)
    psi = torch.zeros(4, 1, 2, dtype=torch.bool, device=DEVICE)
    psi[1, 0, 1] = True
    filtered, _ = gpu.filtered_error(teach, psi, 0.0, 0.5, 0.75)
    assert filtered[:, 0, 0].tolist() == [0, 0, 0, 0]
    # an error teaches no spike that comes after it
    assert filtered[:2, 0, 1].gt(0).all() and filtered[2:, 0, 1].eq(0).all()


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
    s = gpu.integrate_and_fire_images(greys.to(DEVICE), torch.tensor([0]), 50)
    assert torch.equal(s.cpu(), encode(greys, integrate_and_fire, 50))


@few
@given(lengths, widths, seeds)
def test_dreams_and_surprise_equal_the_steps_to_the_bit(launched, steps, n, seed) -> None:
    current, noise = normal(seed, steps, n), 0.6 * normal(seed + 1, steps, n)
    neuron, s = TwoCompartmentLIF(), spikes(seed + 2, steps, n)
    dreams = sleep._dream_scan(current, noise, neuron, 0.02)
    surprises = sleep._surprise_scan(s, 0.02)
    assert launched[-2:] == ["dream", "surprise"]
    with pytest.MonkeyPatch.context() as patch:  # step by step
        patch.setattr(gpu, "runs_on", lambda x, dtype=torch.float32: False)
        patch.setattr(scans, "runs_on", lambda x: False)
        assert torch.equal(dreams, sleep._dream_scan(current, noise, neuron, 0.02))
        assert torch.equal(surprises, sleep._surprise_scan(s, 0.02))


def test_resident_images_are_picked_moved_and_encoded_by_one_kernel_with_the_same_draws(
    launched,
) -> None:
    images = digits()
    members, changes = torch.tensor([3, 0, 3]), AugmentParams(shift=2)
    launched.clear()
    s = spikes_of(images, members, 6, augmentation=changes, generator=drawn(5))
    assert launched == ["integrate_and_fire"]
    expected = encode(
        augment(images.x[members].cpu(), changes, generator=drawn(5)), integrate_and_fire, 6
    )
    assert torch.equal(s.cpu(), expected)
    launched.clear()
    # a rotation resamples, and another encoder has no kernel
    spikes_of(
        images, members, 6, augmentation=AugmentParams(shift=2, rotate=5.0), generator=drawn(5)
    )
    spikes_of(images, members, 6, encoder=latency)
    assert launched == []


def digits() -> ImageSet:
    x = torch.randint(0, 256, (24, 6, 5), dtype=torch.uint8, generator=drawn(0)).to(DEVICE)
    return ImageSet("random", "train", x, torch.arange(24, device=DEVICE) % 3, 3)


SIGNATURES = {  # of each kernel's arguments, as a launch gives them; and its compile-time constants
    "soma": ("*fp32 *fp32 *u8 i32 i32 fp32 fp32 fp32", [{}]),
    "trace": ("*fp32 *fp32 i32 i32 fp32 fp32", [{}]),
    "filter_error": (
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
            binary = triton.compile(
                source, target=GPUTarget("cuda", 90, 32), options={"enable_fp_fusion": False}
            )
            assert binary.asm["cubin"] and "fma." not in binary.asm["ptx"], name
