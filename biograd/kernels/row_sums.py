"""Add up rows of a table, and find the bits of a word of spikes.

`add_rows` is where an event-driven network spends its time. It is written in LLVM's own
instructions: a numba loop loads and stores the row that it adds to once per term, whereas these
instructions keep 64 sums in vector registers. The same loop in plain numba takes 1.7 to 3 times as
long (3 to 120 terms, rows of 256 and of 64 floats), a whole learning step 1.5 times as long at
batch 100 and 1.1 times at batch 1 (784-256-256-10, T = 20, one thread); the bits are the same. It
is used where `BY_HAND` is False, for instance where a new release of llvmlite breaks the other.
Bits are counted and found in plain numba: as fast as LLVM's own instructions, within 3 %.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, register_jitable

# False: plain numba; after a change, delete `__pycache__` (see the package's docstring).
BY_HAND = True
LANES = 64  # floats per block; the width of a table is a multiple of it, filled up with zeros
_VECTOR = ir.VectorType(ir.FloatType(), 16)
_VECTORS = LANES // 16  # registers that hold the sums of a block


@register_jitable
def padded(n: int) -> int:
    """Return the width of a table whose rows hold n floats.

    Example:
        >>> padded(1), padded(64), padded(65)
        (64, 64, 128)
    """
    return -(-n // LANES) * LANES


@numba.njit(inline="always")
def count_bits(word):
    """Return how many bits of a uint32 are set, int64; compilers know this form as one instruction.

    Source: Warren, "Hacker's Delight", figure 5-2.
    """
    pairs = np.uint32(word - (np.uint32(word >> np.uint32(1)) & np.uint32(0x55555555)))
    fours = np.uint32(
        (pairs & np.uint32(0x33333333)) + (np.uint32(pairs >> np.uint32(2)) & np.uint32(0x33333333))
    )
    eights = np.uint32((fours + np.uint32(fours >> np.uint32(4))) & np.uint32(0x0F0F0F0F))
    return np.int64(np.uint32(eights * np.uint32(0x01010101)) >> np.uint32(24))


@numba.njit(inline="always")
def lowest_bit(word):
    """Return the index of the lowest bit set in a uint32 that is not 0, int64."""
    return count_bits(np.uint32(np.uint32(~word) & np.uint32(word - np.uint32(1))))


@numba.njit(nogil=True)
def add_rows_plain(total, row, table, picks, line, count):
    """Add rows of a table to a row of `total`, by numba's loops:

        total[row] += table[picks[line, k]]    for k = 0 .. count - 1, in this order

    Args:
        total, table: float32 [rows, width] each, contiguous, of the same width, which is a multiple
            of `LANES`; the same unit.
        row: int64, which row of `total` is changed.
        picks: int32 [lines, count or more], contiguous, row numbers of `table`.
        line, count: int64.
    Nothing is checked.
    """
    sums = total[row]
    for k in range(count):
        term = table[picks[line, k]]
        for n in range(sums.shape[0]):
            sums[n] += term[n]


@numba.njit(nogil=True)
def take_rows_plain(total, row, table, picks, line, count):
    """Subtract rows of a table from a row of `total`; arguments as `add_rows_plain`."""
    sums = total[row]
    for k in range(count):
        term = table[picks[line, k]]
        for n in range(sums.shape[0]):
            sums[n] -= term[n]


# any: numba's and llvmlite's types, which they do not annotate
def _row_adder(subtract: bool) -> Any:
    """Return `add_rows_plain` or `take_rows_plain` as an instruction: 64 columns at a time, their
    sums in four vector registers.
    """

    def adder(
        typingctx: Any, total: Any, row: Any, table: Any, picks: Any, line: Any, count: Any
    ) -> Any:
        signature = types.void(total, types.intp, table, picks, types.intp, types.intp)
        return signature, generate

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        total, table, picks = (
            context.make_array(signature.args[index])(context, builder, args[index])
            for index in (0, 2, 3)
        )
        row, line, count = args[1], args[4], args[5]
        total_width, width, picks_width = (
            cgutils.unpack_tuple(builder, array.shape, 2)[1] for array in (total, table, picks)
        )
        size = width.type
        add = builder.fsub if subtract else builder.fadd

        def element(array: Any, array_width: Any, number: Any, column: Any) -> Any:
            offset = builder.add(builder.mul(number, array_width), column)
            return builder.gep(array.data, [offset])

        def vector(array: Any, array_width: Any, number: Any, column: Any) -> Any:
            return builder.bitcast(
                element(array, array_width, number, column), _VECTOR.as_pointer()
            )

        with cgutils.for_range(builder, builder.udiv(width, ir.Constant(size, LANES))) as block:
            first = builder.mul(block.index, ir.Constant(size, LANES))
            columns = [builder.add(first, ir.Constant(size, 16 * n)) for n in range(_VECTORS)]
            sums = [cgutils.alloca_once(builder, _VECTOR) for _ in columns]
            for held, column in zip(sums, columns, strict=True):
                builder.store(builder.load(vector(total, total_width, row, column), align=4), held)
            with cgutils.for_range(builder, count) as k:
                pick = builder.sext(builder.load(element(picks, picks_width, line, k.index)), size)
                for held, column in zip(sums, columns, strict=True):
                    term = builder.load(vector(table, width, pick, column), align=4)
                    builder.store(add(builder.load(held), term), held)
            for held, column in zip(sums, columns, strict=True):
                builder.store(builder.load(held), vector(total, total_width, row, column), align=4)
        return context.get_dummy_value()

    return intrinsic(adder)


add_rows_by_hand: Any = _row_adder(subtract=False)
take_rows_by_hand: Any = _row_adder(subtract=True)
add_rows: Any = add_rows_by_hand if BY_HAND else add_rows_plain
take_rows: Any = take_rows_by_hand if BY_HAND else take_rows_plain
