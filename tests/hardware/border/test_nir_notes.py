"""Notes on another tool's file: what is not read is named, and hostile names stay short."""

from __future__ import annotations

import nir
import numpy as np

from hardware.border.nir_notes import RESET, notes_on


def graph(**metadata):
    ones = np.ones(2)
    nodes = nir.Linear(np.ones((2, 3)), metadata=metadata), nir.LIF(ones, ones, 0 * ones, ones)
    return nir.NIRGraph.from_list(*nodes)


def test_a_plain_file_leaves_the_reset_open_and_nothing_else():
    assert notes_on(graph()) == (RESET,)


def test_metadata_of_nodes_are_named():
    assert notes_on(graph(dt=1e-3, author="x"))[1:] == (
        "metadata are not read: of node 'linear' ('author', 'dt')",
    )


def test_a_note_is_one_short_printable_line_whatever_the_names():
    names = {f"na\nme {number} {'x' * 500}": 1 for number in range(100)}
    _, note = notes_on(graph(**names))
    assert note.isprintable() and len(note) < 400
