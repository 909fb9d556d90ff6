"""Transpose tables of weights, and add them up on the way, in tiles of 16 by 16 numbers.

The event-driven loops need one presynaptic neuron's weights side by side; optimizers and everything
else one postsynaptic neuron's. So weights are transposed once per batch, and updates transposed
back. A tile is written in LLVM's own instructions and stays in vector registers. The same tile in
plain numba takes 2.5 to 5 times as long (784 x 256 and 256 x 256 numbers, one and two tables), a
whole learning step 1.04 times as long at batch 100 and 1.2 times at batch 1 (784-256-256-10,
T = 20, one thread); the bits are the same. torch's copy of one table takes 3 to 5 times as long.
The plain tile is used where `BY_HAND` is False, for instance where a new release of llvmlite breaks
the other.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .compiled import compiled

# False: plain numba; after a change, delete `__pycache__` (see the package's docstring).
BY_HAND = True
SIDE = 16  # numbers along a tile
ONE = np.ones(1, np.float32)  # the share of a single table that is only transposed
_VECTOR = ir.VectorType(ir.FloatType(), SIDE)
_INDICES = ir.VectorType(ir.IntType(32), SIDE)
_BROADCAST = ir.Constant(_INDICES, [0] * SIDE)
# Of a perfect shuffle of two vectors: which of their 32 numbers the first and the second one take.
_LOW, _HIGH = (
    ir.Constant(_INDICES, [n + half for pair in range(8) for n in (pair, pair + SIDE)])
    for half in (0, 8)
)


@numba.njit(nogil=True)
def transpose_tile_plain(into, row, column, tables, shares):
    """Fill one tile, by numba's loops; arguments as `transpose_sum`:

        into[row + i, column + j] = sum over k of shares[k] tables[k, column + j, row + i]

    for i, j = 0 .. 15. Nothing is checked.
    """
    for i in range(SIDE):
        for j in range(SIDE):
            total = shares[0] * tables[0, column + j, row + i]
            for k in range(1, len(shares)):
                total += shares[k] * tables[k, column + j, row + i]
            into[row + i, column + j] = total


# any: numba's and llvmlite's types, which they do not annotate
def _tile_transposer(
    typingctx: Any, into: Any, row: Any, column: Any, tables: Any, shares: Any
) -> Any:
    """Return `transpose_tile_plain` as an instruction: one vector per row of the tile."""
    signature = types.void(into, types.intp, types.intp, tables, shares)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        out, source, factors = (
            context.make_array(signature.args[index])(context, builder, args[index])
            for index in (0, 3, 4)
        )
        row, column = args[1], args[2]
        width = cgutils.unpack_tuple(builder, out.shape, 2)[1]
        count, height, source_width = cgutils.unpack_tuple(builder, source.shape, 3)
        size = width.type

        def vector_at(data: Any, place: Any) -> Any:
            return builder.bitcast(builder.gep(data, [place]), _VECTOR.as_pointer())

        def line(start: Any, stride: Any, number: int) -> Any:
            return builder.add(start, builder.mul(stride, ir.Constant(size, number)))

        def broadcast(index: Any) -> Any:
            share = builder.load(builder.gep(factors.data, [index]))
            vector = builder.insert_element(
                ir.Constant(_VECTOR, ir.Undefined), share, ir.Constant(ir.IntType(32), 0)
            )
            return builder.shuffle_vector(vector, vector, _BROADCAST)

        sums = [cgutils.alloca_once(builder, _VECTOR) for _ in range(SIDE)]
        corner = builder.add(builder.mul(column, source_width), row)
        zero, one = ir.Constant(size, 0), ir.Constant(size, 1)
        # The first table is taken, the others are added to it.
        for begin, end, accumulate in ((zero, one, False), (one, count, True)):
            with cgutils.for_range_slice(builder, begin, end, one, size) as (index, _):
                share = broadcast(index)
                table = builder.mul(index, builder.mul(height, source_width))
                start = builder.add(table, corner)
                for number, held in enumerate(sums):
                    place = vector_at(source.data, line(start, source_width, number))
                    term = builder.fmul(builder.load(place, align=4), share)
                    total = builder.fadd(builder.load(held), term) if accumulate else term
                    builder.store(total, held)
        lines = [builder.load(held) for held in sums]
        for _ in range(4):  # a perfect shuffle of lines, log2(16) times, transposes the tile
            lines = [
                builder.shuffle_vector(lines[n // 2], lines[n // 2 + 8], (_LOW, _HIGH)[n % 2])
                for n in range(SIDE)
            ]
        start = builder.add(builder.mul(row, width), column)
        for number, transposed in enumerate(lines):
            builder.store(transposed, vector_at(out.data, line(start, width, number)), align=4)
        return context.get_dummy_value()

    return signature, generate


transpose_tile_by_hand: Any = intrinsic(_tile_transposer)
transpose_tile: Any = transpose_tile_by_hand if BY_HAND else transpose_tile_plain


@compiled
def transpose_sum(tables, shares, into, first, last):
    """Transpose the weighted sum of tables into rows first .. last - 1 of `into`, all columns:

        into[row, column] = sum over k of shares[k] tables[k, column, row],    k in order

    Args:
        tables: float32 [K, columns or more, rows or more], contiguous, any unit.
        shares: float32 [K], 1.
        into: float32 [rows, columns or more], contiguous, the tables' unit. Columns beyond those of
            `tables` are left as they are.
        first, last: int64, 0 <= first <= last <= rows.
    """
    columns = min(into.shape[1], tables.shape[1])
    whole_rows, whole_columns = first + (last - first) // SIDE * SIDE, columns // SIDE * SIDE
    for row in range(first, whole_rows, SIDE):
        for column in range(0, whole_columns, SIDE):
            transpose_tile(into, row, column, tables, shares)
    for row in range(first, last):
        for column in range(whole_columns if row < whole_rows else 0, columns):
            total = shares[0] * tables[0, column, row]
            for k in range(1, len(shares)):
                total += shares[k] * tables[k, column, row]
            into[row, column] = total
