"""Two angles held by a recurrent network: the task, the local rule, and its traces."""

from __future__ import annotations

import math

import pytest
import torch

from biograd.studies.two_angles import TwoAnglesParams, errors_deg, two_angles
from biograd.studies.working_memory import MemoryParams, WorkingMemory

SHORT = TwoAnglesParams(orientations=6, shortest=3, longest=5, stimulus=2, cue=4)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_each_angle_is_shown_once_between_its_delays() -> None:
    angles = torch.tensor([[0.0, 1.0], [math.pi / 2, 2.0]])
    delays = torch.tensor([[3, 4], [5, 3], [4, 4]])
    trials = two_angles(2, generator=seeded(), p=SHORT, angles=angles, delays=delays)
    assert trials.x[:, 0, 0].nonzero().flatten().tolist() == [3, 4]  # prefers 0
    assert trials.x[:, 0, 3].nonzero().flatten().tolist() == [10, 11]  # prefers 90 degrees
    assert trials.cue[:, 0].nonzero().flatten().tolist() == [16, 17, 18, 19]
    assert torch.equal(trials.x[:, :, -1], trials.cue)
    assert trials.y[0] == pytest.approx([0, 1, 0, -1], abs=1e-6)


def test_errors_are_measured_modulo_180_degrees() -> None:
    trials = two_angles(3, generator=seeded(), p=SHORT)
    off = math.radians(175)  # 5 degrees, the other way round
    turned = 2 * (trials.angles + torch.tensor([[0.0], [off]]))
    out = torch.stack([f(t) for t in turned for f in (torch.sin, torch.cos)], dim=1)
    first, second = errors_deg(out.expand(len(trials.x), 3, 4), trials)
    assert first == pytest.approx(0, abs=1e-3) and second == pytest.approx(5, abs=1e-3)


def test_the_rule_backwards_in_time_equals_its_traces_forward() -> None:
    p = MemoryParams(units=5, batch=4, noise=0.0, feedback="random", taught="cue")
    memory = WorkingMemory(p, task=SHORT, seed=1)
    memory.w_out += torch.randn(4, 5, generator=seeded())
    trials = two_angles(4, generator=seeded(), p=SHORT)
    gradient = memory.local(trials)[0]
    h, psi = memory.roll(trials.x)
    e, dw = torch.zeros(4, 5, 5), torch.zeros(5, 5)
    for t in range(1, len(h)):
        kept = 1 - 1 / p.tau + memory.w.diagonal() * psi[t - 1] / p.tau
        e = kept[:, :, None] * e + h[t - 1][:, None] / p.tau
        err = (trials.y - h[t] @ memory.w_out.T) * trials.cue[t][:, None]
        dw += ((err @ memory.w_fb.T * psi[t])[:, :, None] * e).sum(0)
    assert torch.allclose(-gradient, dw / (2 * trials.cue.sum()), atol=1e-6)


def test_the_rule_is_the_gradient_where_neurons_excite_themselves_alone() -> None:
    p = MemoryParams(units=6, batch=8, gain=0.0, noise=0.0, feedback="symmetric")
    memory = WorkingMemory(p, task=SHORT, seed=2)
    memory.w_out += torch.randn(4, 6, generator=seeded())
    memory.b += 0.1  # no soma at exactly 0, where the slope is a matter of choice
    trials = two_angles(8, generator=seeded(), p=SHORT)
    local, exact = memory.local(trials), memory.backward(trials)
    for mine, theirs in zip(local, exact, strict=True):
        assert torch.allclose(mine, theirs, atol=1e-6)


def test_short_delays_are_learned_by_the_local_rule() -> None:
    p = MemoryParams(units=40, batch=32, lr=5e-3)
    task = TwoAnglesParams(orientations=8, shortest=4, longest=6, stimulus=4, cue=6)
    *_, last = WorkingMemory(p, task=task, seed=0).fit(60, every=60, trials=200)
    assert last.batches == 60
    assert last.first_deg < 25 and last.second_deg < 42  # guesses: 52 degrees


def test_sleep_turns_the_feedback_towards_the_output() -> None:
    memory = WorkingMemory(MemoryParams(units=30, batch=16), task=SHORT)

    def cosine() -> float:
        w_fb, w_out = memory.w_fb.flatten(), memory.w_out.T.flatten()
        return float(torch.cosine_similarity(w_fb, w_out, dim=0))

    list(memory.fit(1))
    assert abs(cosine()) < 0.3
    list(memory.fit(60))
    assert cosine() > 0.9


def test_held_rates_lie_over_both_angles() -> None:
    memory = WorkingMemory(MemoryParams(units=12), task=SHORT)
    early, late = memory.held(4, delay=5)
    assert early.shape == late.shape == (4, 4, 12)
    assert abs(early - early[:, :1]).max() < 1e-6  # the second angle is not seen yet
    assert abs(late - late[:, :1]).max() > 1e-3


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MemoryParams(rule="bpt"), "MemoryParams.rule is 'bpt'; did you mean 'bptt'"),
        (lambda: MemoryParams(noise=-0.1), "noise is -0.1"),
        (lambda: MemoryParams(drift=0.0), "drift is 0"),
        (lambda: TwoAnglesParams(longest=30), "longest is 30"),
        (lambda: two_angles(0, generator=seeded()), "batch is 0"),
        (lambda: next(WorkingMemory().fit(0)), "batches is 0"),
        (lambda: WorkingMemory().held(2), "angles is 2"),
        (
            lambda: two_angles(1, generator=seeded(), delays=torch.zeros(3, 1, dtype=torch.int64)),
            "a delay has 0 steps; need at least 1",
        ),
    ],
)
def test_wrong_settings_are_refused_in_one_line(make, message: str) -> None:
    with pytest.raises(ValueError, match=message) as refusal:
        make()
    assert "\n" not in str(refusal.value)
