"""One HTML page of one trained network: draw a digit, and watch it being read in the chip's
integers, spike by spike.

    net = network(fixed, model=model)
    page = render(net, gallery_images, gallery_labels, title="...", facts=["..."])

The page needs no internet and no other file. Its forward pass (`network.js`) is held equal to the
emulator's, and so to Lava's, by `check` and the tests; its joules are modelled by the constants of
`hardware.energy`. The apical compartment and the weight updates (`learning.js`) follow the
simulator's equations, on the chip's voltages.
"""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup

from hardware import limits
from hardware.border.layers import LayerModel
from hardware.border.model import Model
from hardware.border.shapes import Convolution, entries
from hardware.convolution.tables import event_weights
from hardware.energy import PROFILES
from hardware.fixed_point import FixedPointLayer, FixedPointModel

PIXELS = 28 * 28
ENCODERS = ("integrate_and_fire", "latency", "bernoulli")  # known to network.js
ERRORS = ("signed", "running", "final", "softmax", "final-softmax")  # known to learning.js
NETWORK = ("network.js", "learning.js", "ink.js")  # what computes; the tests run it in Node.js
PICTURES = ("elements.js", "pictures.js", "maps.js")
PAGE = ("pad.js", "page.js")
CLASS_NAMES = {
    "fashion": (
        *("T-shirt", "trousers", "pullover", "dress", "coat"),
        *("sandal", "shirt", "sneaker", "bag", "ankle boot"),
    )
}
# Fraction kept per step by the simulator's synapses, unless the model says otherwise.
_TRACE = {"alpha_x": 0.5, "alpha_z": 0.75}


def network(
    fixed: FixedPointModel,
    *,
    model: Model | None = None,
    error: str = "signed",
    window: float = 1.0,
    traces: Sequence[Mapping[str, float]] = (),
) -> dict[str, Any]:  # any: JSON
    """Return a network as JSON for the page: the chip's integers, and real feedback weights.

    Args:
        fixed: the integers.
        model: the model they were made from, for its encoder and feedback weights.
        error: key of `biograd.errors.ERRORS` that the network learned with.
        window: half-width of the surrogate slope, thresholds.
        traces: alpha_x and alpha_z, fraction kept per step, of each layer's synapses; by default
            the simulator's defaults.
    Raises: ValueError for an encoder or error neurons that the page does not know;
    limits.LimitError for numbers the chip cannot hold.
    """
    for number, layer in enumerate(fixed.layers, start=1):
        plain = layer.reset == "zero" or not layer.fires
        extra = (layer.w_rec, layer.delay, layer.bias_mant, layer.decays)
        if any(part is not None for part in extra) or not plain:
            raise ValueError(
                f"layer {number} is recurrent, has delays, biases or decays of its neurons' own, or"
                f" resets by {layer.reset!r}: the page runs chains of layers that reset to zero;"
                " run it with `biograd deploy`"
            )
    for number, real in enumerate(model.layers if model else (), start=1):
        if real.w_fb is not None and real.surrogate != "rectangular":
            raise ValueError(
                f"layer {number} learned with the slope {real.surrogate!r}, and the page shows"
                " updates of the rectangular one: export it without feedback"
            )
    encoder = model.encoder if model else ENCODERS[0]
    for name, value, options in (("encoder", encoder, ENCODERS), ("error", error, ERRORS)):
        if value not in options:
            raise ValueError(f"{name} is {value!r}; the page knows {', '.join(options)}")
    fits = limits.check(fixed).layers
    models: Sequence[LayerModel | None] = model.layers if model else [None] * len(fixed.layers)
    layers = zip(fixed.layers, fits, models, traces or [_TRACE] * len(fits), strict=True)
    return {
        "steps": fixed.steps,
        "encoder": encoder,
        "error": error,
        "window": window,
        "layers": [_layer(*layer) for layer in layers],
        "profiles": [dataclasses.asdict(profile) for profile in PROFILES.values()],
        "gallery": {"pixels": "", "labels": []},
    }


def render(
    net: Mapping[str, Any],  # any: JSON
    images: np.ndarray,
    labels: np.ndarray,
    *,
    title: str = "Draw a digit",
    facts: Sequence[str] = (),
    classes: Sequence[str] = (),
) -> str:
    """Return the page as text.

    Args:
        net: of `network`.
        images: uint8 [n, 28, 28], samples to pick from; labels: int [n].
        facts: short sentences under the title.
        classes: their names; by default 0, 1, 2 ...
    Raises: ValueError where the network does not take images of 28 x 28 pixels.
    """
    inputs, outputs = net["layers"][0]["inputs"], net["layers"][-1]["neurons"]
    if inputs != PIXELS or images.shape[1:] != (28, 28):
        raise ValueError(
            f"the network takes {inputs} inputs, the images are {images.shape[1:]}; the page draws"
            f" 28 x 28 = {PIXELS} pixels"
        )
    names = list(classes) or [str(c) for c in range(outputs)]
    gallery = {
        "pixels": _base64(images.astype(np.uint8)),
        "labels": [int(label) for label in labels],
    }
    payload = json.dumps(
        {**net, "gallery": gallery, "names": names}, separators=(",", ":"), allow_nan=False
    )
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.from_string(source("page.html.j2")).render(
        title=title,
        facts=facts,
        payload=Markup(payload.replace("<", "\\u003c")),
        network=Markup(source(*NETWORK)),
        pictures=Markup(source(*PICTURES)),
        page=Markup(source(*PAGE)),
        style=Markup(source("page.css")),
    )


def source(*names: str) -> str:
    """Return the text of files of this folder, one after the other."""
    folder = files("biograd.drawing")
    return "\n".join((folder / name).read_text("utf-8") for name in names)


def _layer(
    fixed: FixedPointLayer,
    fit: limits.LayerFit,
    model: LayerModel | None,
    trace: Mapping[str, float],
) -> dict[str, Any]:  # any: JSON
    # Weights of both signs are even on the chip: half of one fits a byte.
    halves = bool((fixed.w % 2 == 0).all() and fixed.w.min() >= -256 and fixed.w.max() <= 254)
    w_fb = model.w_fb if model else None
    w = fixed.w.T if fixed.conv is None else event_weights(fixed.w, fixed.conv)
    return {
        "inputs": fixed.inputs,
        "neurons": fixed.neurons,
        "conv": None if fixed.conv is None else _geometry(fixed.conv),
        "fires": fixed.fires,
        "unit": 2 if halves else 1,
        "w": _base64((w // 2).astype("i1") if halves else w.astype("<i2")),
        "bias": fixed.bias().tolist(),
        "bias_axons": fixed.w_bias.shape[1],
        "vth": fixed.vth,
        "weight_exp": fixed.weight_exp,
        "keep_u": 4096 - fixed.du - 1,
        "keep_v": 4096 - fixed.dv,
        "cores": fit.cores,
        "destinations": fit.destinations,
        "alpha_a": model.alpha_a if model else 0.0,
        "trace": dict(trace),
        "w_fb": None if w_fb is None else _base64(w_fb.astype("<f4")),
    }


def _geometry(conv: Convolution) -> dict[str, Any]:  # any: JSON
    """Return a convolution for the page: the synapses of each row and column of its input."""
    return {
        "in_shape": list(conv.in_shape),
        "out_shape": list(conv.out_shape),
        "kernel": list(conv.kernel),
        "groups": conv.groups,
        "rows": [entries(conv.rows, row) for row in range(conv.in_shape[1])],
        "columns": [entries(conv.columns, column) for column in range(conv.in_shape[2])],
    }


def _base64(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
