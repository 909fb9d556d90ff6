"""Layered feedback: its ways back, its alignment by sleep, and that no weight is transported."""

from __future__ import annotations

import math

import pytest
import torch

from biograd.feedback import (
    FEEDBACK,
    LayeredRandom,
    LayeredSleep,
    LayeredSymmetric,
    SleepAligned,
    feedback_angle,
    feedback_angles,
    sleep_aligned,
    true_path,
)
from biograd.learning.learner import LocalLearner
from biograd.network import Network
from biograd.neurons import LeakyReadout, TwoCompartmentLIF, TwoCompartmentParams
from biograd.sleep import SleepParams, dream_of_layer, first_night, sleep_phase


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def a_conv_net(description: str = "6c3s2-8c3-5") -> Network:
    return Network((1, 10, 10), description, generator=seeded(0))


def test_sleep_turns_every_layer_of_a_deep_net_and_direct_feedback_loses_its_way() -> None:
    net = Network((40, 30, 30, 30, 30, 10), generator=seeded(0))
    angles = {}
    for kind in (LayeredSleep, SleepAligned):
        feedback = kind(net, generator=seeded(1))
        p = SleepParams(first_night=60, steps=400, decay=0.1)
        first_night(net, feedback, p, generator=seeded(2))
        angles[kind] = feedback_angles(net, feedback)
    assert max(angles[LayeredSleep]) < 25 < 50 < max(angles[SleepAligned])


# a maximum of currents prefers inputs that happen to fire, which tilts the coincidences
@pytest.mark.parametrize(
    ("description", "degrees"),
    [("6c3s2-8c3-5", 35), ("6c3-8c3g2-5", 35), ("6c3-avg2-8c3+max2-5", 50), ("6c3-max2-12-5", 35)],
)
def test_sleep_turns_kernels_whatever_pools_lie_between(description: str, degrees: int) -> None:
    net = Network((1, 10, 10), description, output=LeakyReadout(), generator=seeded(0))
    feedback = LayeredSleep(net, generator=seeded(1))
    before = feedback_angles(net, feedback)
    p = SleepParams(first_night=60, steps=1000, decay=0.1)
    first_night(net, feedback, p, generator=seeded(2))
    assert max(feedback_angles(net, feedback)) < degrees < min(before)


def test_the_first_night_brings_each_layer_to_the_scale_of_its_fan_in() -> None:
    net = a_conv_net()
    feedback = LayeredSleep(net, generator=seeded(1))
    first_night(net, feedback, SleepParams(first_night=5, steps=50), generator=seeded(2))
    rms = [w.pow(2).mean().sqrt().item() for w in feedback.w_fb]
    # 8 channels of 3 x 3 kernels at stride 1 reach each neuron of the first layer; 5 outputs the
    # neurons of the second one
    assert rms == pytest.approx([1 / math.sqrt(8 * 9), 1 / math.sqrt(5)], rel=1e-5)


def test_no_forward_weight_is_read_by_learning_or_by_the_dream_but_through_spikes() -> None:
    # the coincidences of a dream stay the same when the forward weights change their sign and the
    # spikes are held: here, when the layer's response is silenced they vanish
    net = a_conv_net()
    net.layers[1].w.zero_()
    p = SleepParams(steps=200, noise=0.0)
    assert not dream_of_layer(net.layers[1], p, generator=seeded(2)).any()
    # and by day the errors depend on w_fb alone
    for layer in net.layers:
        layer.neuron = TwoCompartmentLIF(TwoCompartmentParams(window=1.5))  # psi is 1 at v = 0
    feedback = LayeredRandom(net, generator=seeded(1))
    spikes, labels = (torch.rand(6, 4, 100, generator=seeded(3)) < 0.4).float(), torch.arange(4)
    LocalLearner(net, feedback).step(spikes, labels)
    first = net.layers[0].w.grad.clone()
    assert first.any()  # though every forward weight above it is 0


def test_the_symmetric_path_has_the_forward_weights_direction() -> None:
    net = a_conv_net()
    feedback = LayeredSymmetric(net)
    assert feedback_angles(net, feedback) == pytest.approx([0, 0], abs=0.1)
    net.layers[1].w.neg_()
    assert feedback_angle(net, feedback, 0) == pytest.approx(0, abs=0.1)
    assert not feedback.state_dict()


def test_the_true_path_of_maps_is_the_jacobian_of_the_layers_above() -> None:
    net = Network((1, 8, 8), "3c3-avg2-4c3s2-5", generator=seeded(0)).double()

    def above(s: torch.Tensor) -> torch.Tensor:
        for layer in net.layers[1:]:
            s = layer.current(s) - layer.current(torch.zeros_like(s))
        return s

    jacobian = torch.autograd.functional.jacobian(above, torch.zeros(1, 192, dtype=torch.float64))
    torch.testing.assert_close(true_path(net, 0).double(), jacobian[0, :, 0].T)


def test_the_default_is_direct_where_it_serves_and_layered_elsewhere() -> None:
    kinds = {
        (784, 256, 10): SleepAligned,
        (784, 256, 256, 10): SleepAligned,
        (784, 64, 64, 64, 10): LayeredSleep,
    }
    for sizes, kind in kinds.items():
        assert type(sleep_aligned(Network(sizes))) is kind
    assert type(FEEDBACK["sleep"](a_conv_net())) is LayeredSleep


def test_a_layered_path_projects_nothing_from_the_output_alone() -> None:
    net = a_conv_net()
    with pytest.raises(ValueError, match="from layer to layer"):
        LayeredRandom(net).project(torch.zeros(1, 5), 0)


def test_equal_seeds_dream_equal_dreams() -> None:
    net = a_conv_net()
    seen = []
    for _ in range(2):
        feedback = LayeredSleep(net, generator=seeded(1))
        sleep_phase(net, feedback, SleepParams(steps=100), generator=seeded(2))
        seen.append([w.clone() for w in feedback.w_fb])
    assert all(torch.equal(*pair) for pair in zip(*seen, strict=True))
