"""Add kernel patches to maps, a line of pixels and channels at a time.

A line is a whole number of vectors that lie side by side in a flat float32 array. Written in LLVM's
own instructions, as `row_sums` and for its reasons. The functions of the same names that end in
`_plain` mean the same in numba alone; tests hold them equal. Nothing is checked.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numba
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, register_jitable

from .row_sums import BY_HAND

LANES = 16  # floats per vector
BLOCK = 4  # vectors whose sums stay in registers, as in `row_sums`
_VECTOR = ir.VectorType(ir.FloatType(), LANES)


@register_jitable
def vectors(n: int) -> int:
    """Return the floats of the vectors that hold n of them.

    Example:
        >>> vectors(1), vectors(16), vectors(17)
        (16, 16, 32)
    """
    return -(-n // LANES) * LANES


@numba.njit(nogil=True)
def add_line_plain(total, at, table, start, length):
    """Add a line: total[at + n] += table[start + n] for n = 0 .. length - 1.

    Args:
        total, table: float32 [any].
        at, start: int64, indices.
        length: int64, floats, a multiple of `LANES`.
    """
    for n in range(length):
        total[at + n] += table[start + n]


@numba.njit(nogil=True)
def take_line_plain(total, at, table, start, length):
    """Subtract a line; arguments as `add_line_plain`."""
    for n in range(length):
        total[at + n] -= table[start + n]


@numba.njit(nogil=True)
def blend_lines_plain(total, at, table, start, stride, picks, shares, count, length):
    """Add weighted lines:

        total[at + n] += shares[k] table[start + picks[k] stride + n]    for k = 0 .. count - 1

    Args:
        total, table, at, start, length: as `add_line_plain` takes them.
        stride: int64, floats from one line of the table to the next.
        picks: int32 [count or more], numbers of lines; shares: float32, likewise.
        count: int64.
    """
    for k in range(count):
        for n in range(length):
            total[at + n] += shares[k] * table[start + picks[k] * stride + n]


# any, here and below: numba's and llvmlite's types, which they do not annotate
def _data(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    """Return the pointer to an array's first item."""
    return context.make_array(kind)(context, builder, value).data


def _vector(builder: Any, data: Any, index: Any) -> Any:
    """Return a pointer to the vector that starts at an index."""
    return builder.bitcast(builder.gep(data, [index]), _VECTOR.as_pointer())


@contextmanager
def _each_vector(builder: Any, first: Any, length: Any, count: int = 1) -> Iterator[Any]:
    """Repeat the instructions of the block for each `count` vectors of a line, by offset."""
    size = length.type
    step = ir.Constant(size, LANES * count)
    with cgutils.for_range_slice(builder, first, length, step, intp=size) as (offset, _):
        yield offset


def _line_adder(subtract: bool) -> Any:
    """Return `add_line_plain` or `take_line_plain` as an instruction."""

    def adder(typingctx: Any, total: Any, at: Any, table: Any, start: Any, length: Any) -> Any:
        return types.void(total, types.intp, table, types.intp, types.intp), generate

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        total, table = (_data(context, builder, signature.args[n], args[n]) for n in (0, 2))
        add = builder.fsub if subtract else builder.fadd
        with _each_vector(builder, ir.Constant(args[4].type, 0), args[4]) as offset:
            place = _vector(builder, total, builder.add(args[1], offset))
            term = builder.load(_vector(builder, table, builder.add(args[3], offset)), align=4)
            builder.store(add(builder.load(place, align=4), term), place, align=4)
        return context.get_dummy_value()

    return intrinsic(adder)


def _line_blender() -> Any:
    """Return `blend_lines_plain` as an instruction, the sums of `BLOCK` vectors in registers."""

    def blender(
        typingctx: Any,
        total: Any,
        at: Any,
        table: Any,
        start: Any,
        stride: Any,
        picks: Any,
        shares: Any,
        count: Any,
        length: Any,
    ) -> Any:
        whole = types.intp
        lines = total, whole, table, whole, whole
        return types.void(*lines, picks, shares, whole, whole), generate

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        total, table, picks, shares = (
            _data(context, builder, signature.args[n], args[n]) for n in (0, 2, 5, 6)
        )
        at, start, stride, count, length = (args[n] for n in (1, 3, 4, 7, 8))
        size = at.type
        # llvmlite's own `fma` knows no vectors
        kind = ir.FunctionType(_VECTOR, [_VECTOR] * 3)
        fma = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fma.v{LANES}f32")
        undefined = ir.Constant(_VECTOR, ir.Undefined)
        lanes = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
        # two sums of each vector where these are few: a sum waits for the one before it
        sums = [[cgutils.alloca_once(builder, _VECTOR) for _ in range(BLOCK)] for _ in range(2)]
        one, two = ir.Constant(size, 1), ir.Constant(size, 2)

        def blend(first: Any, vectors: int) -> None:
            offsets = [builder.add(first, ir.Constant(size, LANES * n)) for n in range(vectors)]
            places = [_vector(builder, total, builder.add(at, offset)) for offset in offsets]

            def add(number: Any, half: int) -> None:
                pick = builder.sext(builder.load(builder.gep(picks, [number])), size)
                line = builder.add(start, builder.mul(pick, stride))
                share = builder.load(builder.gep(shares, [number]))
                alone = builder.insert_element(undefined, share, ir.Constant(ir.IntType(32), 0))
                everywhere = builder.shuffle_vector(alone, undefined, lanes)
                for held, offset in zip(sums[half], offsets, strict=False):
                    term = builder.load(_vector(builder, table, builder.add(line, offset)), align=4)
                    builder.store(builder.call(fma, [everywhere, term, builder.load(held)]), held)

            for held, other, place in zip(*sums, places, strict=False):
                builder.store(builder.load(place, align=4), held)
                builder.store(ir.Constant(_VECTOR, [0.0] * LANES), other)
            zero = ir.Constant(size, 0)
            pairs = builder.sub(count, builder.urem(count, two)) if vectors <= 2 else zero
            with cgutils.for_range_slice(builder, zero, pairs, two, intp=size) as (k, _):
                add(k, 0)
                add(builder.add(k, one), 1)
            with cgutils.for_range_slice(builder, pairs, count, one, intp=size) as (k, _):
                add(k, 0)
            for held, other, place in zip(*sums, places, strict=False):
                both = builder.fadd(builder.load(held), builder.load(other))
                builder.store(both, place, align=4)

        block = ir.Constant(size, BLOCK * LANES)
        left = builder.urem(length, block)
        whole = builder.sub(length, left)
        with _each_vector(builder, ir.Constant(size, 0), whole, BLOCK) as offset:
            blend(offset, BLOCK)
        for vectors in range(1, BLOCK):
            rest = ir.Constant(size, vectors * LANES)
            with builder.if_then(builder.icmp_unsigned("==", left, rest)):
                blend(whole, vectors)
        return context.get_dummy_value()

    return intrinsic(blender)


add_line_by_hand: Any = _line_adder(subtract=False)
take_line_by_hand: Any = _line_adder(subtract=True)
blend_lines_by_hand: Any = _line_blender()
add_line: Any = add_line_by_hand if BY_HAND else add_line_plain
take_line: Any = take_line_by_hand if BY_HAND else take_line_plain
blend_lines: Any = blend_lines_by_hand if BY_HAND else blend_lines_plain
