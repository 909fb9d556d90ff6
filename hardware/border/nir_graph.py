"""A Model as a plain NIR graph that any NIR tool can run, and back.

The graph is `input -> Affine -> CubaLIF -> ... -> output`. `metadata["biograd"]` holds everything
that NIR has no field for: the format number, dt, steps, encoder, the apical path (NIR nodes too,
`Linear(w_fb) -> LI` per layer), the surrogate window of each layer, and `info`.

NIR's nodes are differential equations; the graph is written for one forward Euler step of dt, as
snnTorch 1.0.0 reads it (`snntorch/import_nir.py`, which also fixes dt at 1e-4 s): tau = dt / (1 -
alpha), w_in = tau_syn / dt, r = tau_mem / dt, v_threshold = 1, v_leak = v_reset = 0, all of them
arrays. tau is double precision, so that alpha comes back exactly.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Mapping
from typing import Any

import nir
import numpy as np

from .layers import RESETS, SURROGATES, LayerModel
from .model import Model
from .nir_foreign import layers_of, stages_of
from .nir_nodes import layer_nodes

FORMAT = 1  # chains of dense layers that reset to zero, and all other files
FORMATS = (1, 2)  # 2: models with convolutions, loops, delays, other resets or readouts
_READ = "formats 1 and 2"
_NEURON_RULE = (
    "hard reset to 0, v_leak = v_reset = 0, v_threshold = 1, r = tau_mem / dt, w_in = tau_syn / dt"
)


def graph_of(model: Model) -> nir.NIRGraph:
    """Build the NIR graph of `model`; conventions in this file's docstring.

    Raises: ValueError for a neuron that NIR has no node for.
    """
    number = 1 if all(_is_plain(layer) for layer in model.layers) else 2
    first = model.layers[0]
    shape = (model.sizes[0],) if first.conv is None else first.conv.in_shape
    # any: nir is untyped
    nodes: dict[str, Any] = {"input": nir.Input(input_type={"input": np.array(shape)})}
    edges: list[tuple[str, str]] = []
    apical: dict[str, Any] = {}
    for index, layer in enumerate(model.layers, start=1):
        ones = np.ones(layer.neurons)
        made = layer_nodes(layer, index, model.dt, shape)
        chain = [list(nodes)[-1] if index == 1 else f"lif{index - 1}", *made]
        edges += itertools.pairwise(chain)
        nodes |= made
        if layer.w_rec is not None:
            nodes[f"rec{index}"] = nir.Linear(weight=layer.w_rec)
            edges += [(f"lif{index}", f"rec{index}"), (f"rec{index}", f"lif{index}")]
        tau_a = model.dt / (1 - layer.alpha_a) * ones
        apical[f"li{index}"] = nir.LI(tau=tau_a, r=tau_a / model.dt, v_leak=0 * ones)
        if layer.w_fb is not None:
            apical[f"fb{index}"] = nir.Linear(weight=layer.w_fb)
        shape = (layer.neurons,) if layer.conv is None else layer.conv.out_shape
    edges.append((f"lif{len(model.layers)}", "output"))
    nodes["output"] = nir.Output(output_type={"output": np.array(shape)})
    metadata = {
        "format": number,
        "dt": model.dt,
        "steps": int(model.steps),
        "encoder": model.encoder,
        "units": "v, u, w, bias in thresholds (v_threshold = 1); tau, dt in seconds",
        "step": (
            "forward Euler, alpha = 1 - dt / tau; bias enters the current each step; "
            + _NEURON_RULE
        ),
        "info": json.dumps(model.info, allow_nan=False),
        "apical": {name: node.to_dict() for name, node in apical.items()},
        "window": np.array([layer.window for layer in model.layers], dtype=np.float64),
    }
    if number == 2:
        for name in ("reset", "surrogate"):
            metadata[name] = ",".join(getattr(layer, name) for layer in model.layers)
    return nir.NIRGraph(nodes=nodes, edges=edges, metadata={"biograd": metadata}, type_check=False)


def _is_plain(layer: LayerModel) -> bool:
    """Return true for a layer that files of format 1 hold: dense, firing, reset to zero."""
    return (
        layer.conv is None
        and layer.w_rec is None
        and layer.delay is None
        and not layer.is_mixed
        and layer.reset == "zero"
        and layer.fires
        and layer.alpha_v < 1
        and layer.surrogate == "rectangular"
    )


def model_of_graph(graph: nir.NIRGraph) -> Model:
    """Read a Model from a graph that `graph_of` built.

    Raises: ValueError naming the node that is missing, unknown, wrongly connected, or of a kind
        that Loihi's neuron cannot be.
    """
    metadata = graph.metadata.get("biograd")
    if not isinstance(metadata, dict):
        raise ValueError(
            "the graph has no metadata named 'biograd': export it with `biograd export`"
        )
    if metadata.get("format") not in FORMATS:
        raise ValueError(
            f"format {metadata.get('format')}; this version reads {_READ}: export it again, or"
            " update biograd"
        )
    steps, dt = _number(metadata, "steps"), _number(metadata, "dt")
    if metadata["format"] == FORMAT:
        depth = _check_chain(graph)
        layers = tuple(_layer(graph, metadata, number, depth, dt) for number in range(1, depth + 1))
    else:
        layers = _layers_of_any_kind(graph, metadata, dt)
    try:
        info = json.loads(_text(metadata, "info"))
    except json.JSONDecodeError as err:
        raise ValueError(f"metadata 'info' is not JSON ({err}): export it again") from None
    if not isinstance(info, dict) or steps != int(steps):
        raise ValueError(
            f"metadata 'steps' is {steps} and 'info' a {type(info).__name__}; need a whole number"
            " and an object"
        )
    encoder = _text(metadata, "encoder")
    return Model(layers=layers, steps=int(steps), dt=dt, encoder=encoder, info=info)


def _layers_of_any_kind(
    graph: nir.NIRGraph, metadata: Mapping[str, Any], dt: float
) -> tuple[LayerModel, ...]:
    """Read the layers of a file of format 2, as another tool's, and what NIR has no field for."""
    stages = stages_of(graph)
    resets = _words(metadata, "reset", RESETS, len(stages))
    surrogates = _words(metadata, "surrogate", SURROGATES, len(stages))
    layers = layers_of(stages, dt, "euler", resets)
    windows = _windows(metadata, len(layers))
    apical = metadata.get("apical")
    apical = apical if isinstance(apical, dict) else {}
    completed = []
    for number, (layer, window) in enumerate(zip(layers, windows, strict=True), start=1):
        tau = apical.get(f"li{number}", {})
        feedback = apical.get(f"fb{number}")
        completed.append(
            dataclasses.replace(
                layer,
                window=window,
                surrogate=surrogates[number - 1],
                alpha_a=_alpha(f"li{number}", tau["tau"], dt) if "tau" in tau else 0.0,
                w_fb=feedback.get("weight") if isinstance(feedback, dict) else None,
            )
        )
    return tuple(completed)


def _words(metadata: Mapping[str, Any], name: str, known: tuple[str, ...], depth: int) -> list[str]:
    """Return the words of all layers."""
    words = _text(metadata, name).split(",")
    if len(words) != depth or not set(words) <= set(known):
        raise ValueError(
            f"metadata {name!r} is {','.join(words)!r}; need one of {', '.join(known)} per layer"
            f" ({depth}): export it again"
        )
    return words


def _chain(names: list[str]) -> list[tuple[str, str]]:
    return list(itertools.pairwise(names))


def _check_chain(graph: nir.NIRGraph) -> int:
    """Return the number of layers of a graph input -> fc1 -> lif1 -> ... -> output.

    Raises: ValueError naming the node or edge that breaks the chain.
    """
    for name, node in graph.nodes.items():
        if not isinstance(node, (nir.Input, nir.Affine, nir.CubaLIF, nir.Output)):
            raise ValueError(
                f"node {name!r} is a {type(node).__name__}; read are Input, Affine, CubaLIF, Output"
            )
    depth = sum(isinstance(node, nir.CubaLIF) for node in graph.nodes.values())
    chain = [
        "input",
        *(name for number in range(1, depth + 1) for name in (f"fc{number}", f"lif{number}")),
        "output",
    ]
    kinds = [nir.Input, *([nir.Affine, nir.CubaLIF] * depth), nir.Output]
    if depth == 0 or sorted(graph.nodes) != sorted(chain):
        raise ValueError(
            f"the graph has nodes {', '.join(sorted(graph.nodes))}; need input, fc1, lif1, ...,"
            " output"
        )
    for name, kind in zip(chain, kinds, strict=True):
        if not isinstance(graph.nodes[name], kind):
            raise ValueError(
                f"node {name!r} is a {type(graph.nodes[name]).__name__}; need {kind.__name__}"
            )
    extra = set(map(tuple, graph.edges)) ^ set(_chain(chain))
    if extra:
        edges = ", ".join(f"{a} -> {b}" for a, b in sorted(extra))
        raise ValueError(
            f"the graph is no plain chain ({edges}): recurrent and branching nets cannot be"
            " deployed"
        )
    return depth


def _layer(
    graph: nir.NIRGraph, metadata: Mapping[str, Any], number: int, depth: int, dt: float
) -> LayerModel:
    """Read layer `number` (from 1), whose neuron must be as `graph_of` writes it. Any: JSON."""
    fc, lif = graph.nodes[f"fc{number}"], graph.nodes[f"lif{number}"]
    for name, expected in (
        ("v_threshold", 1.0),
        ("v_leak", 0.0),
        ("v_reset", 0.0),
        ("r", lif.tau_mem / dt),
        ("w_in", lif.tau_syn / dt),
    ):
        if not np.allclose(getattr(lif, name), expected, rtol=1e-9, atol=0):
            raise ValueError(
                f"node 'lif{number}': {name} is not as written by `biograd export` ({_NEURON_RULE})"
            )
    apical = metadata.get("apical")
    if (
        not isinstance(apical, dict)
        or not isinstance(apical.get(f"li{number}"), dict)
        or "tau" not in apical[f"li{number}"]
    ):
        raise ValueError(f"metadata 'apical' has no node 'li{number}': export it again")
    feedback = apical.get(f"fb{number}")
    return LayerModel(
        w=fc.weight,
        bias=fc.bias,
        alpha_u=_alpha(f"lif{number}", lif.tau_syn, dt),
        alpha_v=_alpha(f"lif{number}", lif.tau_mem, dt),
        alpha_a=_alpha(f"li{number}", apical[f"li{number}"]["tau"], dt),
        window=_windows(metadata, depth)[number - 1],
        w_fb=feedback.get("weight") if isinstance(feedback, dict) and number < depth else None,
    )


def _alpha(name: str, tau: np.ndarray, dt: float) -> float:
    """Return the kept fraction of the time constant that all neurons of a node share."""
    tau = np.asarray(tau)
    if (
        tau.size == 0
        or tau.dtype.kind != "f"
        or not np.isfinite(tau).all()
        or (tau != tau.flat[0]).any()
        or tau.flat[0] < dt * (1 - 1e-9)
    ):
        raise ValueError(
            f"node {name!r}: time constants must be one finite value per layer, of at least dt ="
            f" {dt} s"
        )
    return max(0.0, float(np.float32(1 - dt / float(tau.flat[0]))))


def _windows(metadata: Mapping[str, Any], depth: int) -> tuple[float, ...]:
    """Return the surrogate window of each layer; older files have none and mean the default."""
    if "window" not in metadata:
        return (LayerModel.window,) * depth
    windows = np.asarray(metadata["window"])
    if windows.shape != (depth,) or windows.dtype.kind != "f":
        raise ValueError(
            f"metadata 'window' is {windows.dtype} of shape {windows.shape}; need one number per"
            f" layer ({depth}): export it again"
        )
    return tuple(windows.tolist())


def _number(metadata: Mapping[str, Any], name: str) -> float:
    value = np.asarray(metadata.get(name))
    if value.shape != () or value.dtype.kind not in "iuf" or not np.isfinite(value) or value <= 0:
        raise ValueError(f"metadata {name!r} is {metadata.get(name)}; need a number above 0")
    return float(value)


def _text(metadata: Mapping[str, Any], name: str) -> str:
    value = metadata.get(name)
    if not isinstance(value, str):
        raise ValueError(f"metadata {name!r} is {value!r}; need text")
    return value
