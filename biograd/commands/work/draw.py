"""Write the page on which to draw digits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from hardware import emulator
from hardware.border.model import Model, RunResult
from hardware.fixed_point import FixedPointModel

from ...data.datasets import ImageSet, load_images
from ...deployment import chip_spikes
from ...drawing import check, html
from ...files import atomic_write
from ...neurons import TwoCompartmentParams
from ...runs.checkpoint import RunFolder
from ...traces import TraceParams
from ..console import Console
from ..helpers.model_files import data_root
from ..helpers.named import named_model
from ..helpers.quantising import quantised
from ..helpers.ranges import expect_at_least

if TYPE_CHECKING:
    from ..draw import Args

SAMPLES = 1000  # test images run here: the page states the accuracy on them, the gallery shows some
GALLERY_PER_CLASS, GALLERY_MISREAD = 3, 10  # test images on the page: per class, and misread ones


def run(args: Args, console: Console) -> dict[str, Any]:  # any: JSON
    """Write the page."""
    expect_at_least(0, check=args.check, steps=args.file.steps)
    torch.set_num_threads(1)
    model, folder = named_model(args.run, args.file, console, measured=False)
    train, test = _images(args, model, folder, console)
    model, fixed, _ = quantised(model, train, args.file, console)
    net = _network(fixed, model)
    images = test.subset(slice(0, max(SAMPLES, args.check)))
    spikes = chip_spikes(model, images)
    result = emulator.run(fixed, spikes, record=("s",) if args.check else ())
    page = _page(net, model, images, result)
    checked = {}
    if args.check:
        pixels = images.x.numpy()[: args.check]
        checked = {"checked": vars(_check(model, page, net, pixels, result, console))}
    path = args.out or folder.path / "draw.html"
    atomic_write(path, page.encode())
    console.say(f"wrote {path}, {len(page) / 1e6:.1f} MB: open it in a browser")
    return {
        "page": str(path),
        "bytes": len(page.encode()),
        "samples": len(images),
        "accuracy": result.accuracy(images.y.numpy()),
        **checked,
    }


def _dataset(model: Model) -> str:
    return str(model.info.get("dataset", "mnist"))


def _images(
    args: Args, model: Model, folder: RunFolder, console: Console
) -> tuple[ImageSet, ImageSet]:
    name, root = _dataset(model), data_root(folder, args.file)
    with console.downloads() as progress:
        train = load_images(name, "train", root=root, progress=progress)
        test = load_images(name, "test", root=root, progress=progress)
    return train, test


def _network(fixed: FixedPointModel, model: Model) -> dict[str, Any]:  # any: JSON
    """Return the network for the page, with the learning constants that the model's file holds."""
    learning = model.info.get("learning")
    if not isinstance(learning, dict):
        learning = {}
    return html.network(
        fixed,
        model=model,
        error=learning.get("error", "signed"),
        window=float(learning.get("window", TwoCompartmentParams().window)),
        traces=[vars(trace) for trace in _traces(learning, len(model.layers))],
    )


def _traces(learning: dict[str, Any], layers: int) -> list[TraceParams]:  # any: JSON
    """Return the traces of each layer.

    They are a list of one entry per layer, else the same for all, else the simulator's defaults.
    """
    entries = learning.get("traces")
    if (
        not isinstance(entries, list)
        or len(entries) != layers
        or not all(isinstance(entry, dict) for entry in entries)
    ):
        entries = [learning] * layers
    names = ("alpha_x", "alpha_z")
    return [
        TraceParams(**{name: entry[name] for name in names if name in entry}) for entry in entries
    ]


def _page(net: dict[str, Any], model: Model, images: ImageSet, result: RunResult) -> str:
    dataset = _dataset(model)
    gallery = images.subset(_gallery(images, result))
    return html.render(
        net,
        gallery.x.numpy(),
        gallery.y.numpy(),
        title="Draw a digit" if dataset == "mnist" else f"Draw for a network of {dataset}",
        facts=_facts(model, images, result),
        classes=html.CLASS_NAMES.get(dataset, ()),
    )


def _gallery(images: ImageSet, result: RunResult) -> list[int]:
    """Return the first images of each class, classes in turn, then the first misread ones."""
    y = images.y.numpy()
    classes = [np.flatnonzero(y == c) for c in range(images.classes)]
    first = [
        int(members[turn])
        for turn in range(GALLERY_PER_CLASS)
        for members in classes
        if turn < len(members)
    ]
    misread = [int(i) for i in np.flatnonzero(result.predictions != y) if i not in first]
    return first + misread[:GALLERY_MISREAD]


def _facts(model: Model, images: ImageSet, result: RunResult) -> list[str]:
    sizes = "-".join(map(str, model.sizes))
    correct = int((result.predictions == images.y.numpy()).sum())
    # Only of a network whose file says how it learned; with symmetric feedback its errors took
    # backpropagation's way.
    local = "learning" in model.info and model.info.get("feedback") != "symmetric"
    how_trained = ", trained without backpropagation," if local else ""
    return [
        f"A spiking network of {sizes} neurons{how_trained} runs in this page in the integers of"
        " Intel's Loihi.",
        f"It reads {correct:,} of the first {len(images):,} test images right.",
    ]


def _check(
    model: Model,
    page: str,
    net: dict[str, Any],
    pixels: np.ndarray,
    result: RunResult,
    console: Console,
) -> check.Comparison:
    """Compare the page's JavaScript with the emulator; ValueError where spikes or counts differ."""
    if model.encoder == "bernoulli":
        raise ValueError(
            "the page draws its own random spikes for the bernoulli encoder: there is nothing to"
            " check sample by sample"
        )
    in_browser = check.browser() is not None
    answers = check.in_browser(page, net, pixels) if in_browser else check.in_node(net, pixels)
    comparison = check.compare(answers, result)
    console.say(
        f"checked in {'Chromium' if in_browser else 'Node.js'}: {comparison.samples:,} test images,"
        f" {comparison.spikes_differ} spikes, {comparison.counts_differ} counts and"
        f" {comparison.answers_differ} answers differ from the emulator's;"
        f" {comparison.milliseconds[0]:.1f} ms per answer"
    )
    if comparison.spikes_differ or comparison.counts_differ:
        raise ValueError(
            f"the page and the emulator differ on {comparison.counts_differ} of"
            f" {comparison.samples} images: the page was not written"
        )
    return comparison
