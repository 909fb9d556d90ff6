"""A slot for data sets that a network is shown, and for loaders of batches."""

from __future__ import annotations

import copy
import types

import torch
from case import ALIKE, LEGAL, OPEN, WRONG, Slot
from material import Draw
from scalars import instead

import biograd as bg


def samples_slot(draw: Draw, value, *, optional: bool = False) -> Slot:
    """A data set that fits a network of this draw, and those that do not."""
    kind = "images" if isinstance(value, bg.ImageSet) else "spikes"
    wide = Draw("a network of other sizes", draw.variant)
    x, y, n = draw.rand(draw.B, draw.N), draw.labels(draw.B), draw.C

    def images(x, y=y, classes=n):
        return _unchecked(x, y, classes)

    wrong = {
        "of one pixel more": images(torch.cat([x, x[:, :1]], 1)),
        "of one pixel less": images(x[:, 1:]),
        "of 1,000 times the pixels": images(x.repeat(1, 1000)),
        "of pixels without a sample axis": images(x[0]),
        "of images transposed": images(x.T.contiguous()),
        "of one label less": images(x, y[:-1]),
        "of one label more": images(x, torch.cat([y, y[:1]])),
        "of one label": images(x, y[:1]),
        "of no samples": images(x[:0], y[:0]),
        "of labels too high": images(x, y + 1, n + 1),
        "of negative labels": images(x, y - 1),
        "of float labels": images(x, y.float()),
        "of bool labels": images(x, y.bool()),
        "of labels None": images(x, None),
        "of images None": images(None),
        "of images in 0..255 as float": images(x * 255),
        "of standardised images": images(x * 4 - 2),
        "of nan": images(x * torch.nan),
        "of integer images": images((x * 255).int()),
        "of complex images": images(x.cfloat()),
        "a list of images": images(list(x)),
        "of pairs": list(zip(x, y, strict=True)),
        "images alone": x,
        "a pair": (x, y),
        "its name": "mnist",
        "an int": 3,
        "an iterator": iter([(x, y)]),
        "an empty list": [],
        "a loader of transposed batches": [(x.T.contiguous(), y)],
        "a loader of one label less": [(x, y[:-1])],
        "a loader of wide images": [(x.repeat(1, 2), y)],
        "a loader of triples": [(x, y, y)],
        "a loader of images alone": [x],
        "a loader of dicts": [{"x": x, "y": y}],
        "a loader of NumPy arrays": [(x.numpy(), y.numpy())],
        "a loader of labels as words": [(x, ["one"] * draw.B)],
        "a loader of labels too high": [(x, y + 1)],
        "a loader of nan": [(x * torch.nan, y)],
        "a loader of images in 0..255 as float": [(x * 255, y)],
    }
    fine = {
        "of float64 images": (images(x.double()), OPEN),
        "of float16 images": (images(x.half()), OPEN),
        "of int32 labels": (images(x, y.int()), OPEN),
        "of one-hot labels": (images(x, torch.nn.functional.one_hot(y, n)), OPEN),
        "of images with strides": (images(x.repeat_interleave(2, 1)[:, ::2]), LEGAL),
        "of images that ask for gradients": (images(x.clone().requires_grad_()), LEGAL),
        "of images as NumPy": (images(x.numpy(), y.numpy()), OPEN),
        "a loader": ([(x, y)] * 2, LEGAL),
        "a loader of column labels": ([(x, y[:, None])], OPEN),
        "a loader of uint8 labels": ([(x, y.byte())], LEGAL),
        "of trains of other steps": (draw.trains(), OPEN),
        "of recordings of another sensor": (wide.recordings(), WRONG),
    }
    if value.y.dtype != torch.int64:
        wrong, fine = {}, {}
    return instead(
        value,
        *((name, other, WRONG) for name, other in wrong.items()),
        *((name, other, expected) for name, (other, expected) in fine.items()),
        ("None", None, LEGAL if optional else WRONG),
        ("its class", type(value), WRONG),
        (f"deep-copied {kind}", copy.deepcopy(value), ALIKE),
    )


def _unchecked(x: object, y: object, classes: int) -> object:
    """Images of a user's own class, as the protocol `LabelledImages` has them."""
    return types.SimpleNamespace(x=x, y=y, classes=classes)
