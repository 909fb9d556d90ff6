"""Notes on another tool's NIR file: what is not read, and what NIR cannot say."""

from __future__ import annotations

from collections.abc import Iterable

import nir

from .printable import printable, quoted

RESET = (
    "the reset is read as reset to zero; NIR has no field for reset by subtraction, snnTorch's"
    " default, so where the tool that wrote the file subtracts the threshold, other spikes follow"
)
_LONGEST = 300  # letters of names in one note


def notes_on(graph: nir.NIRGraph) -> tuple[str, ...]:
    """Return notes on a graph, one line each. (A node with an unknown part is refused by nir.)"""
    metadata = [f"of the graph ({_names(graph.metadata)})"] if graph.metadata else []
    metadata += [
        f"of node {quoted(name)} ({_names(node.metadata)})"
        for name, node in graph.nodes.items()
        if node.metadata
    ]
    if not metadata:
        return (RESET,)
    return RESET, f"metadata are not read: {printable(', '.join(metadata), _LONGEST)}"


def _names(parts: Iterable[str]) -> str:
    return ", ".join(quoted(name) for name in sorted(parts))
