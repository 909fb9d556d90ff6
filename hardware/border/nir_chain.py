"""The chain of nodes in a NIR graph of any tool, and the loops within its layers.

Every reader here and in `nir_stages` adds the faults it meets to `problems`, one text per fault,
and goes on, so that one message can name them all.
"""

from __future__ import annotations

from typing import Any

import nir

WEIGHTS = (nir.Linear, nir.Affine)
SPIKING = (nir.LIF, nir.CubaLIF, nir.IF)


def flattened(graph: nir.NIRGraph, problems: list[str]) -> nir.NIRGraph:
    """Return the graph with the nodes of its subgraphs in their place, named parent.child."""
    nodes: dict[str, Any] = {}  # any: nir is untyped
    entries, exits = {}, {}
    edges = []
    for name, node in graph.nodes.items():
        if not isinstance(node, nir.NIRGraph):
            nodes[name] = node
            continue
        inner = flattened(node, problems)
        ends = {
            kind: [child for child, part in inner.nodes.items() if isinstance(part, kind)]
            for kind in (nir.Input, nir.Output)
        }
        if any(len(names) != 1 for names in ends.values()):
            problems.append(f"node {name!r} is a NIRGraph without one input and one output")
            continue
        (entry,), (way_out,) = ends[nir.Input], ends[nir.Output]
        nodes |= {
            f"{name}.{child}": part
            for child, part in inner.nodes.items()
            if child not in (entry, way_out)
        }
        first = [b for a, b in inner.edges if a == entry]
        last = [a for a, b in inner.edges if b == way_out]
        entries[name] = [f"{name}.{child}" for child in first]
        exits[name] = [f"{name}.{child}" for child in last]
        edges += [
            (f"{name}.{a}", f"{name}.{b}")
            for a, b in inner.edges
            if a not in (entry, way_out) and b not in (entry, way_out)
        ]
    for a, b in graph.edges:
        edges += [
            (start, end)
            for start in exits.get(str(a), [str(a)])
            for end in entries.get(str(b), [str(b)])
        ]
    return nir.NIRGraph(nodes, edges, metadata=graph.metadata, type_check=False)


def chain_and_loops(
    graph: nir.NIRGraph, problems: list[str]
) -> tuple[list[str], dict[str, list[str]]]:
    """Return the names of the nodes from input to output, without the weights of loops.

    Returns: the chain, or all nodes where there is none, so that one message names every fault;
        and for each spiking node the weights that lead from it back to it.
    """
    edges = list(dict.fromkeys((str(a), str(b)) for a, b in graph.edges))
    for a, b in edges:
        if a not in graph.nodes or b not in graph.nodes:
            problems.append(f"the edge {a} -> {b} names a node that does not exist")
    edges = [(a, b) for a, b in edges if a in graph.nodes and b in graph.nodes]
    loops = _loops(graph, edges)
    within = {name for names in loops.values() for name in names}
    edges = [(a, b) for a, b in edges if a not in within and b not in within]
    names = [name for name in graph.nodes if name not in within]
    return _chain(names, edges, problems), loops


def _loops(graph: nir.NIRGraph, edges: list[tuple[str, str]]) -> dict[str, list[str]]:
    """Return, for each spiking node, the weights whose one source and one target it is."""
    loops: dict[str, list[str]] = {}
    for name, node in graph.nodes.items():
        if not isinstance(node, WEIGHTS):
            continue
        sources = [a for a, b in edges if b == name]
        targets = [b for a, b in edges if a == name]
        alone = sources == targets and len(sources) == 1
        if alone and isinstance(graph.nodes[sources[0]], SPIKING):
            loops.setdefault(sources[0], []).append(name)
    return loops


def _chain(names: list[str], edges: list[tuple[str, str]], problems: list[str]) -> list[str]:
    after: dict[str, list[str]] = {name: [] for name in names}
    indegree = dict.fromkeys(names, 0)
    for source, target in edges:
        after[source].append(target)
        indegree[target] += 1
    for name in names:
        if len(after[name]) > 1 or indegree[name] > 1:
            shown = ", ".join(
                f"{a} -> {b}" for a, targets in after.items() for b in targets if name in (a, b)
            )
            problems.append(
                f"node {name!r} branches or has feedback over several layers ({shown}): need a"
                " chain, with loops from a layer's neurons through one Linear or Affine back to"
                " them"
            )
    starts = [name for name in names if not indegree[name]]
    if len(starts) != 1 and not problems:
        problems.append(
            f"the graph has {len(starts)} beginnings ({', '.join(starts) or 'it is a circle'});"
            " need one chain from one Input"
        )
    chain = starts[:1]
    while chain and after[chain[-1]] and len(chain) <= len(after):
        chain.append(after[chain[-1]][0])
    if len(chain) < len(names) and not problems:
        left_out = ", ".join(name for name in names if name not in chain)
        problems.append(
            f"nodes {left_out} are not on the chain from the input: connect them, or leave them out"
        )
    return chain if not problems else names
