"""Three instructions that numba does not offer: add up rows of a table in vector registers, find
the lowest bit, count the bits.

`add_rows` is where an event-driven network spends its time. Written as a numba loop, the row that
is added to is loaded and stored once a term, and the compiler guards every short loop against
overlapping arrays; here it stays in registers.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

LANES = 64  # floats a block; tables have a width of a multiple of it, filled up with zeros
_VECTOR = ir.VectorType(ir.FloatType(), 16)
_VECTORS = LANES // 16  # registers that hold a block's sums


def padded(n: int) -> int:
    """The width of a table for rows of n floats."""
    return -(-n // LANES) * LANES


def _lowest_bit(typingctx: Any, word: Any) -> Any:  # any: numba's types, which it does not annotate
    """Index of the lowest bit set in a uint32 that is not 0."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.zext(builder.cttz(args[0], ir.Constant(ir.IntType(1), 1)), ir.IntType(64))

    return types.int64(types.uint32), generate


def _count_bits(typingctx: Any, word: Any) -> Any:
    """How many bits of a uint32 are set."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.zext(builder.ctpop(args[0]), ir.IntType(64))

    return types.int64(types.uint32), generate


def _row_adder(subtract: bool) -> Any:
    def adder(
        typingctx: Any, total: Any, row: Any, table: Any, picks: Any, line: Any, count: Any
    ) -> Any:
        signature = types.void(total, types.intp, table, picks, types.intp, types.intp)

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            arrays = {
                index: context.make_array(signature.args[index])(context, builder, args[index])
                for index in (0, 2, 3)
            }
            width = {
                index: cgutils.unpack_tuple(builder, array.shape, 2)[1]
                for index, array in arrays.items()
            }
            size = width[2].type

            def at(index: int, start: Any, offset: Any) -> Any:
                place = builder.gep(
                    arrays[index].data, [builder.add(builder.mul(start, width[index]), offset)]
                )
                return builder.bitcast(place, _VECTOR.as_pointer()) if index != 3 else place

            with cgutils.for_range(
                builder, builder.udiv(width[2], ir.Constant(size, LANES))
            ) as block:
                first = builder.mul(block.index, ir.Constant(size, LANES))
                columns = [
                    builder.add(first, ir.Constant(size, 16 * vector)) for vector in range(_VECTORS)
                ]
                sums = [cgutils.alloca_once(builder, _VECTOR) for _ in columns]
                for held, column in zip(sums, columns, strict=True):
                    builder.store(builder.load(at(0, args[1], column), align=4), held)
                with cgutils.for_range(builder, args[5]) as term:
                    pick = builder.sext(builder.load(at(3, args[4], term.index)), size)
                    for held, column in zip(sums, columns, strict=True):
                        add = builder.fsub if subtract else builder.fadd
                        builder.store(
                            add(builder.load(held), builder.load(at(2, pick, column), align=4)),
                            held,
                        )
                for held, column in zip(sums, columns, strict=True):
                    builder.store(builder.load(held), at(0, args[1], column), align=4)
            return context.get_dummy_value()

        return signature, generate

    return intrinsic(adder)


lowest_bit: Any = intrinsic(_lowest_bit)
count_bits: Any = intrinsic(_count_bits)
add_rows: Any = _row_adder(subtract=False)
"""add_rows(total, row, table, picks, line, count):  total[row] += table[picks[line, k]] for k = 0 .. count - 1, in this order.

total, table: float32, contiguous, rows of the same width, a multiple of `LANES`; picks: int32,
    contiguous. Nothing is checked.
"""
take_rows: Any = _row_adder(subtract=True)
"""The same with a minus."""
