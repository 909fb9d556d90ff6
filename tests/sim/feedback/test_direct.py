from __future__ import annotations

import math

import pytest
import torch

from biograd.feedback import FEEDBACK, RandomDFA, SleepAligned, Symmetric, feedback_angle, true_path
from biograd.network import Network


def a_net(*sizes: int) -> Network:
    return Network(sizes, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", ["sleep", "sleep-direct", "dfa", "symmetric"])
def test_every_path_projects_the_errors_through_its_own_weights(name: str) -> None:
    net = a_net(5, 7, 6, 3)
    feedback = FEEDBACK[name](net, generator=torch.Generator().manual_seed(1))
    err = torch.randn(4, 2, 3, generator=torch.Generator().manual_seed(2))
    for hidden, n in enumerate(net.hidden):
        w_fb = feedback.weights(hidden)
        assert w_fb.shape == (n, 3)
        torch.testing.assert_close(
            feedback.project(err, hidden), torch.einsum("tbc,nc->tbn", err, w_fb)
        )
        torch.testing.assert_close(feedback.project(err[0], hidden), err[0] @ w_fb.T)
        # one scale for all, so that one learning rate serves
        assert w_fb.pow(2).mean().sqrt().item() == pytest.approx(1, abs=0.5)


def test_the_true_path_is_the_transposed_product_of_all_weights_above() -> None:
    net = a_net(5, 7, 6, 3)
    w2, w3 = net.layers[1].w, net.layers[2].w
    torch.testing.assert_close(true_path(net, 0), (w3 @ w2).T)
    torch.testing.assert_close(true_path(net, 1), w3.T)


def test_symmetric_feedback_follows_the_forward_weights_at_unit_scale() -> None:
    net = a_net(5, 7, 3)
    feedback = Symmetric(net)
    net.layers[1].w.mul_(5).add_(0.3)
    path = net.layers[1].w.T
    torch.testing.assert_close(feedback.weights(0), path / path.pow(2).mean().sqrt())
    # arccos of a float32's last bits
    assert feedback_angle(net, feedback, 0) == pytest.approx(0, abs=0.1)
    assert not feedback.state_dict()  # the forward weights are saved once, with the network


def test_the_angle_is_0_along_90_across_and_180_against_the_true_path() -> None:
    net = a_net(5, 2, 2)
    net.layers[1].w.copy_(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    feedback = RandomDFA(net)
    for w_fb, angle in (
        ([[2.0, 6.0], [4.0, 8.0]], 0),
        ([[3.0, -1.0], [0.0, 0.0]], 90),
        ([[-1.0, -3.0], [-2.0, -4.0]], 180),
    ):
        feedback.w_fb[0].copy_(torch.tensor(w_fb))
        assert feedback_angle(net, feedback, 0) == pytest.approx(angle, abs=1e-4)
    feedback.w_fb[0].copy_(torch.tensor([[1.0, 0.0], [0.0, 0.0]]))
    assert feedback_angle(net, feedback, 0) == pytest.approx(math.degrees(math.acos(1 / 30**0.5)))


@pytest.mark.parametrize("kind", [RandomDFA, SleepAligned])
def test_the_errors_path_reads_no_forward_weight(
    kind: type[RandomDFA] | type[SleepAligned],
) -> None:
    net = a_net(5, 7, 3)
    feedback, symmetric = kind(net), Symmetric(net)
    err = torch.ones(2, 3)
    before = feedback.project(err, 0)
    for p in net.parameters():
        p.fill_(math.nan)
    assert torch.equal(feedback.project(err, 0), before)
    assert symmetric.project(err, 0).isnan().all()  # the upper bound does read them: the trap works


def test_random_feedback_is_standard_normal_and_drawn_from_its_generator() -> None:
    net = a_net(5, 400, 100)
    first, second = (
        RandomDFA(net, generator=torch.Generator().manual_seed(3)).weights(0) for _ in range(2)
    )
    assert torch.equal(first, second)
    # 4 standard errors
    assert first.mean().item() == pytest.approx(
        0, abs=0.02
    ) and first.std().item() == pytest.approx(1, abs=0.02)
    assert not RandomDFA.sleeps and not Symmetric.sleeps and SleepAligned.sleeps


def test_a_hebbian_step_forgets_the_random_start_once_and_then_decays_towards_the_coincidence() -> (
    None
):
    feedback = SleepAligned(a_net(5, 2, 2))
    c = torch.tensor([[1.0, 0.0], [0.0, 3.0]])
    feedback.align(0, c, 0.5)
    assert feedback.weights(0).tolist() == [[0.5, 0], [0, 1.5]]
    feedback.align(0, -c, 0.25)
    assert feedback.weights(0).tolist() == [[0.125, 0], [0, 0.375]]


def test_the_gain_makes_unit_root_mean_square_once_and_later_nights_keep_it() -> None:
    feedback = SleepAligned(a_net(5, 2, 2))
    c = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    feedback.align(0, 4 * c, 1.0)
    feedback.set_gain(0)
    root2 = 2**0.5
    assert feedback.weights(0).flatten().tolist() == pytest.approx([root2, 0, 0, root2])
    feedback.align(0, 8 * c, 1.0)  # coincidences twice as strong
    assert feedback.weights(0).flatten().tolist() == pytest.approx([2 * root2, 0, 0, 2 * root2])
    assert "gain" in feedback.state_dict()


def test_a_layer_that_never_coincides_keeps_finite_feedback() -> None:
    feedback = SleepAligned(a_net(5, 2, 2))
    feedback.align(0, torch.zeros(2, 2), 0.05)
    feedback.set_gain(0)
    assert torch.isfinite(feedback.weights(0)).all() and torch.isfinite(feedback.gain).all()
