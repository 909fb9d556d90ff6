"""Turn tables of weights on their side, and add them up on the way: 16 by 16 numbers at a time, in
vector registers.

The event-driven loops want one presynaptic neuron's weights side by side, optimizers and everybody
else one postsynaptic neuron's. So weights are turned once per batch, and updates turned back;
torch's copy takes two to three times as long.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

SIDE = 16  # numbers along a tile
_VECTOR = ir.VectorType(ir.FloatType(), SIDE)


# any: numba's types
def _tile_turner(typingctx: Any, into: Any, row: Any, column: Any, tables: Any, shares: Any) -> Any:
    """into[row + i, column + j] = sum over k of shares[k] tables[k, column + j, row + i] for i, j =
    0 .. 15. Nothing is checked.
    """
    signature = types.void(into, types.intp, types.intp, tables, shares)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        out, source, factors = (
            context.make_array(signature.args[index])(context, builder, args[index])
            for index in (0, 3, 4)
        )
        width = cgutils.unpack_tuple(builder, out.shape, 2)[1]
        count, height, side = cgutils.unpack_tuple(builder, source.shape, 3)
        size = width.type

        def vector_at(data: Any, place: Any) -> Any:
            return builder.bitcast(builder.gep(data, [place]), _VECTOR.as_pointer())

        def line(start: Any, stride: Any, number: int) -> Any:
            return builder.add(start, builder.mul(stride, ir.Constant(size, number)))

        sums = [cgutils.alloca_once(builder, _VECTOR) for _ in range(SIDE)]
        first = builder.add(builder.mul(args[2], side), args[1])
        for table in (0, 1):  # the first is taken, the others are added to it
            begin, end = (
                (ir.Constant(size, 0), ir.Constant(size, 1))
                if table == 0
                else (ir.Constant(size, 1), count)
            )
            with cgutils.for_range_slice(builder, begin, end, ir.Constant(size, 1), size) as (
                index,
                _,
            ):
                factor = builder.load(builder.gep(factors.data, [index]))
                share = builder.insert_element(
                    ir.Constant(_VECTOR, ir.Undefined), factor, ir.Constant(ir.IntType(32), 0)
                )
                share = builder.shuffle_vector(
                    share, share, ir.Constant(ir.VectorType(ir.IntType(32), SIDE), [0] * SIDE)
                )
                start = builder.add(builder.mul(index, builder.mul(height, side)), first)
                for number, held in enumerate(sums):
                    term = builder.fmul(
                        builder.load(vector_at(source.data, line(start, side, number)), align=4),
                        share,
                    )
                    builder.store(
                        term if table == 0 else builder.fadd(builder.load(held), term), held
                    )
        lines = [builder.load(held) for held in sums]
        low, high = (
            [number + half for pair in range(8) for number in (pair, pair + SIDE)]
            for half in (0, 8)
        )
        masks = [ir.Constant(ir.VectorType(ir.IntType(32), SIDE), mask) for mask in (low, high)]
        for _ in range(4):  # a perfect shuffle of lines, log2(16) times
            lines = [
                builder.shuffle_vector(lines[n // 2], lines[n // 2 + 8], masks[n % 2])
                for n in range(SIDE)
            ]
        start = builder.add(builder.mul(args[1], width), args[2])
        for number, turned in enumerate(lines):
            builder.store(turned, vector_at(out.data, line(start, width, number)), align=4)
        return context.get_dummy_value()

    return signature, generate


_turn_tile: Any = intrinsic(_tile_turner)


@numba.njit(cache=True, nogil=True)
def turn(tables, shares, into, first, last):
    """into[row, column] = sum over k of shares[k] tables[k, column, row], for rows first .. last -
    1 and every column of `into`.

    tables: float32 [K, columns or more, rows or more]; shares: float32 [K]; into: float32 [rows,
        columns or more], contiguous all.
    Sums are taken in the order of k. Columns beyond those of `tables` are left as they are.
    """
    columns = min(into.shape[1], tables.shape[1])
    whole_rows, whole_columns = first + (last - first) // SIDE * SIDE, columns // SIDE * SIDE
    for row in range(first, whole_rows, SIDE):
        for column in range(0, whole_columns, SIDE):
            _turn_tile(into, row, column, tables, shares)
    for row in range(first, last):
        for column in range(whole_columns if row < whole_rows else 0, columns):
            total = shares[0] * tables[0, column, row]
            for k in range(1, len(shares)):
                total += shares[k] * tables[k, column, row]
            into[row, column] = total


ONE = np.ones(1, np.float32)  # the share of a table that is turned alone
