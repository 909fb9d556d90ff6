"""Connections and pools: torch's modules are the reference, autograd that of every way back."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from biograd.connections import AvgPool2d, Conv2d, Dense, MaxPool2d, SumPool2d
from biograd.network import Network

# rows unlike columns, and every option unlike its default
CONVS = [
    Conv2d(4, 3),
    Conv2d(4, 3, padding=0),
    Conv2d(4, 5, stride=2),
    Conv2d(4, 3, stride=3, padding=2),
    Conv2d(4, 3, dilation=2, padding=1),
    Conv2d(4, 3, groups=2),
    Conv2d(6, 2, stride=2, padding=1, dilation=2, groups=2),
    Conv2d(4, 1),
]
SHAPE = (2, 9, 7)
POOLS = [AvgPool2d(2), AvgPool2d(3, 2), SumPool2d(2), MaxPool2d(2), MaxPool2d(3, 1)]


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def as_torch(conv: Conv2d) -> nn.Conv2d:
    return nn.Conv2d(
        SHAPE[0],
        conv.channels,
        conv.kernel,
        conv.stride,
        (conv.kernel - 1) * conv.dilation // 2 if conv.padding is None else conv.padding,
        conv.dilation,
        conv.groups,
    ).double()


@pytest.mark.parametrize("conv", CONVS, ids=str)
def test_a_convolution_is_torchs_and_its_ways_back_are_autograds(conv: Conv2d) -> None:
    module, s = as_torch(conv), drawn(3, *SHAPE).requires_grad_()
    w, b = module.weight, module.bias
    assert b is not None
    current = conv.current(s.flatten(1), w, b, SHAPE)
    reference = module(s)
    assert conv.out_shape(SHAPE) == reference.shape[1:]
    assert conv.weight_shape(SHAPE) == w.shape
    torch.testing.assert_close(current, reference.flatten(1))

    g = drawn(*reference.shape, seed=1)
    (g * reference).sum().backward()
    assert s.grad is not None and w.grad is not None and b.grad is not None
    rows = g.flatten(1)
    torch.testing.assert_close(conv.back(rows, w.detach(), SHAPE), s.grad.flatten(1))
    torch.testing.assert_close(conv.update(rows, s.detach().flatten(1), SHAPE), w.grad)
    assert conv.positions(SHAPE) == reference[0, 0].numel()


@pytest.mark.parametrize("connection", [*CONVS, Dense(5)], ids=str)
def test_every_connection_is_dense_synapses_at_each_of_its_positions(connection) -> None:
    size = int(torch.tensor(connection.out_shape(SHAPE)).prod())
    g, s = drawn(3, size), drawn(3, 126, seed=1)
    sides = connection.as_dense(g, s, SHAPE)
    dw = torch.cat([errors.T @ patches for errors, patches in sides])
    torch.testing.assert_close(
        dw.view(connection.weight_shape(SHAPE)), connection.update(g, s, SHAPE)
    )


@pytest.mark.parametrize("pool", POOLS, ids=str)
def test_a_pool_is_torchs_and_its_way_back_is_autograds(pool) -> None:
    modules = {AvgPool2d: nn.AvgPool2d, SumPool2d: nn.AvgPool2d, MaxPool2d: nn.MaxPool2d}
    x = drawn(3, *SHAPE).requires_grad_()
    reference = modules[type(pool)](pool.window, pool.step)(x)
    if type(pool) is SumPool2d:
        reference = reference * pool.window**2
    pooled = pool.pool(x.detach())
    assert pool.out_shape(SHAPE) == reference.shape[1:]
    torch.testing.assert_close(pooled.x, reference.detach())
    g = drawn(*reference.shape, seed=1)
    (g * reference).sum().backward()
    torch.testing.assert_close(pool.spread(g, pooled, SHAPE), x.grad)


def test_a_maximum_of_spikes_says_whether_any_of_a_window_fired() -> None:
    s = (torch.rand(5, 3, 6, 6, generator=torch.Generator().manual_seed(0)) < 0.2).float()
    windows = s.unfold(2, 2, 2).unfold(3, 2, 2).flatten(4)
    assert torch.equal(MaxPool2d(2).pool(s).x, windows.any(-1).float())


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Conv2d(6, 3, groups=4), "6 channels and 4 groups"),
        (lambda: Conv2d(4, 0), "Conv2d.kernel is 0"),
        (lambda: Conv2d(4, 3, padding=-1), "Conv2d.padding is -1"),
        (lambda: AvgPool2d(0), "AvgPool2d.window is 0"),
        (lambda: Network((3, 8, 8), [Conv2d(4, 3, groups=2), 10]), "2 groups and 3 channels"),
        (lambda: Network((1, 3, 3), [Conv2d(4, 5, padding=0), 10]), "spans 5 x 5 pixels"),
        (lambda: Network((1, 3, 3), [Conv2d(4, 3), MaxPool2d(4), 10]), "maps of 3 x 3"),
        (lambda: Network((1, 8, 8), [10, Conv2d(4, 3), 10]), "needs maps"),
        (lambda: Network((64,), [Conv2d(4, 3), 10]), "needs maps"),
        (lambda: Network((1, 8, 8), [Conv2d(4, 3), 10, AvgPool2d(2)]), "after the last layer"),
        (lambda: Network((1, 8, 8), [Conv2d(4, 3)]), "the last layer is Conv2d"),
        (lambda: Network((1, 8, 8), []), "the last layer is missing"),
    ],
)
def test_what_does_not_meet_is_refused_in_one_line(build, message: str) -> None:
    with pytest.raises(ValueError, match=message) as refusal:
        build()
    assert "\n" not in str(refusal.value)


def test_a_truth_value_is_no_number_of_neurons() -> None:
    with pytest.raises(TypeError, match=r"Dense\.size is True, a bool; need a whole number"):
        Dense(True)
