"""One HTML page of one trained network: draw a digit, and watch it being read in the chip's
integers, spike by spike.

    net = network(fixed, model=model)
    page = render(net, gallery_images, gallery_labels, title="...", facts={...})

The page needs no network and no other file. Its forward pass (`draw_core.js`) is held equal to the
emulator's, and so to Lava's, by `draw_check` and the tests; its joules are modelled by the
constants of `hardware.energy`. The apical compartment and the lesson follow the simulator's
equations, from the chip's voltages.
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
from hardware.border.model import LayerModel, Model
from hardware.energy import PROFILES
from hardware.fixed_point import FixedPointLayer, FixedPointModel

PIXELS = 28 * 28
ENCODERS = ("integrate_and_fire", "latency", "bernoulli")  # that draw_core.js knows
ERRORS = ("signed", "running", "final")
CLASS_NAMES = {
    "fashion": (
        "T-shirt",
        "trousers",
        "pullover",
        "dress",
        "coat",
        "sandal",
        "shirt",
        "sneaker",
        "bag",
        "ankle boot",
    )
}


def network(
    fixed: FixedPointModel,
    *,
    model: Model | None = None,
    error: str = "signed",
    window: float = 1.0,
    traces: Sequence[Mapping[str, float]] = (),
) -> dict[str, Any]:  # any: JSON
    """What the JavaScript needs of a network, as JSON: integers of the chip, and real feedback
    weights where `model` has them.

    Args:
        fixed: the integers.
        model: what they were made from, for its encoder and feedback weights.
        error: key of `biograd.errors.ERRORS` that the network learned with.
        window: half-width of the surrogate slope, thresholds.
        traces: alpha_x and alpha_z, kept per step, of each layer's synapses; none: the simulator's
            defaults.
    Raises: ValueError for an encoder or error neurons that the page does not know;
    limits.LimitError for numbers the chip cannot hold.
    """
    encoder = model.encoder if model else ENCODERS[0]
    for what, value, known in (("encoder", encoder, ENCODERS), ("error", error, ERRORS)):
        if value not in known:
            raise ValueError(f"{what} is {value!r}; the page knows {', '.join(known)}")
    fits = limits.check(fixed).layers
    real: Sequence[LayerModel | None] = model.layers if model else [None] * len(fixed.layers)
    return {
        "steps": fixed.steps,
        "encoder": encoder,
        "error": error,
        "window": window,
        "layers": [
            _layer(*layer)
            for layer in zip(fixed.layers, fits, real, traces or [_TRACE] * len(fits), strict=True)
        ],
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
    """The page as text.

    Args:
        net: of `network`.
        images: uint8 [n, 28, 28], samples to pick from; labels: int [n].
        facts: short sentences under the title.
        classes: their names; 0, 1, 2 ... unless given.
    Raises: ValueError where the network does not take images of 28 x 28 pixels.
    """
    inputs, outputs = net["layers"][0]["inputs"], net["layers"][-1]["neurons"]
    if inputs != PIXELS or images.shape[1:] != (28, 28):
        raise ValueError(
            f"the network takes {inputs} inputs, the images are {images.shape[1:]}; the page draws"
            f" 28 x 28 = {PIXELS} pixels"
        )
    names = list(classes) or [str(c) for c in range(outputs)]
    shown = {"pixels": _base64(images.astype(np.uint8)), "labels": [int(label) for label in labels]}
    payload = json.dumps(
        {**net, "gallery": shown, "names": names}, separators=(",", ":"), allow_nan=False
    ).replace("<", "\\u003c")
    here = files("biograd.drawing")
    template = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(
        (here / "draw.html.j2").read_text("utf-8")
    )
    return template.render(
        title=title,
        facts=facts,
        payload=Markup(payload),
        core=Markup((here / "draw_core.js").read_text("utf-8")),
        pictures=Markup((here / "draw_pictures.js").read_text("utf-8")),
        page=Markup((here / "draw_page.js").read_text("utf-8")),
        style=Markup((here / "draw.css").read_text("utf-8")),
    )


# kept per step by the simulator's synapses, where nothing else is said
_TRACE = {"alpha_x": 0.5, "alpha_z": 0.75}


def _layer(
    fixed: FixedPointLayer,
    fit: limits.LayerFit,
    real: LayerModel | None,
    trace: Mapping[str, float],
) -> dict[str, Any]:  # any: JSON
    # Weights of both signs are even on the chip: half of one fits a byte.
    halves = bool((fixed.w % 2 == 0).all() and fixed.w.min() >= -256 and fixed.w.max() <= 254)
    return {
        "inputs": fixed.w.shape[1],
        "neurons": fixed.w.shape[0],
        "unit": 2 if halves else 1,
        "w": _base64((fixed.w.T // 2).astype("i1") if halves else fixed.w.T.astype("<i2")),
        "bias": fixed.w_bias.sum(axis=1).tolist(),
        "bias_axons": fixed.w_bias.shape[1],
        "vth": fixed.vth,
        "weight_exp": fixed.weight_exp,
        "keep_u": 4096 - fixed.du - 1,
        "keep_v": 4096 - fixed.dv,
        "cores": fit.cores,
        "alpha_a": real.alpha_a if real else 0.0,
        "trace": dict(trace),
        "w_fb": _base64(real.w_fb.astype("<f4")) if real and real.w_fb is not None else None,
    }


def _base64(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
