"""Tensors are checked where they enter pure steps; every message is one line."""

from __future__ import annotations

from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from biograd.inputs import trusted
from biograd.tensors import check_shapes, check_state, floats_like, seeded, set_state


class Pair(NamedTuple):
    x: Tensor
    z: Tensor


@pytest.mark.parametrize(
    ("axes", "shape", "message"),
    [
        ("B N", (3,), r"g has the shape \(3,\); need \[B, N\]$"),
        ("T B N", (2, 3), r"g has the shape \(2, 3\); need \[T, B, N\]$"),
        ("? B N", (5, 4, 2, 3), r"g has the shape \(5, 4, 2, 3\); need \[\?, B, N\]$"),
    ],
)
def test_other_numbers_of_axes_are_refused_by_name_and_axes(axes, shape, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        check_shapes(("g", torch.zeros(shape), axes))


@pytest.mark.parametrize("shape", [(2, 3), (5, 2, 3), (4, 5, 2, 3)])
def test_a_star_stands_for_any_number_of_axes_in_front(shape):
    check_shapes(("err", torch.zeros(shape), "* B C"))


def test_axes_of_one_letter_have_one_size():
    check_shapes(("g", torch.zeros(4, 2, 3), "T B N"), ("s_pre", torch.zeros(4, 2, 9), "T B M"))
    with pytest.raises(ValueError, match=r"^s_pre has the shape \(4, 5, 9\); need .* B = 2"):
        check_shapes(("g", torch.zeros(4, 2, 3), "T B N"), ("s_pre", torch.zeros(4, 5, 9), "T B M"))
    with pytest.raises(ValueError, match=r"^g has the shape \(4, 2\); need \[B, N\] with N = 3$"):
        check_shapes(("g", torch.zeros(4, 2), "B N"), N=3)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        ([0.0], "g is a list; need a torch.Tensor"),
        (torch.zeros(2, 3, dtype=torch.int64), r"g is a torch.int64 tensor; need floats: pass g.f"),
        (torch.zeros(2, 3, dtype=torch.complex64), "g is a torch.complex64 tensor; need a dense"),
        (torch.zeros(2, 3).to_sparse(), "g is a sparse tensor; need a dense tensor"),
    ],
)
def test_anything_but_a_dense_tensor_of_floats_is_refused(x, message):
    with pytest.raises(TypeError, match=f"^{message}"):
        check_shapes(("g", x, "B N"))


def test_a_tensor_of_another_type_is_no_match_for_an_equal_shape():
    whole = torch.zeros(2, 3, dtype=torch.int32)
    with pytest.raises(TypeError, match=r"^s is a torch\.int32 tensor; need floats"):
        check_shapes(("g", torch.zeros(2, 3), "B N"), ("s", whole, "B N"))


def test_a_state_has_tensors_of_one_shape_in_its_fields():
    zero = torch.zeros(2, 3)
    check_state(Pair(zero, zero), Pair._fields, "B N", ("s", zero, "B N"))
    for strange in (None, (zero, zero), Pair, {}):
        with pytest.raises(TypeError, match=r"^the state is [^\n]*; need one with x, z, as the"):
            check_state(strange, Pair._fields, "B N")
    with pytest.raises(ValueError, match=r"^state\.z has the shape \(3, 2\); need .* B = 2, N = 3"):
        check_state(Pair(zero, zero.T), Pair._fields, "B N")


@pytest.mark.parametrize("kind", [torch.bool, torch.uint8, torch.int64, torch.half, torch.double])
def test_spikes_of_any_real_type_become_floats_of_the_network(kind):
    spikes = torch.tensor([[1, 0, 1]])
    converted = floats_like(spikes.to(kind), torch.zeros(1), "s")
    assert converted.dtype == torch.float32
    assert converted.tolist() == [[1.0, 0.0, 1.0]]


def test_trusted_steps_are_not_checked_again_and_the_next_ones_are():
    with trusted():
        check_shapes(("g", None, "B N"))
        check_state(None, Pair._fields, "B N")
    with pytest.raises(TypeError):
        check_shapes(("g", None, "B N"))


def test_a_seed_is_a_whole_number_of_64_bits():
    first = torch.rand(3, generator=torch.Generator().manual_seed(-5))
    assert torch.equal(torch.rand(3, generator=seeded(-5)), first)
    with pytest.raises(ValueError, match=r"^seed is 9223372036854775808; need"):
        seeded(1 << 63)


def test_a_state_that_is_no_generators_is_refused():
    generator = torch.Generator()
    before = generator.get_state()
    set_state(generator, before)
    with pytest.raises(ValueError, match=r"^the generator's state is [^\n]*; need what get_state"):
        set_state(generator, torch.zeros(3, dtype=torch.uint8))
