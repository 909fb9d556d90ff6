"""Write one HTML page of a trained network: draw a digit, see every spike, both compartments, the
answer and its modelled joules.

The page works off-line, in any browser and on a phone; it computes in the chip's integers, as
`biograd deploy` does. `--check 1000` runs so many test images through its JavaScript and through
the emulator, and refuses where a single spike differs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
import tyro

from hardware import emulator
from hardware.border.files import read_model
from hardware.border.model import Model, RunResult
from hardware.border.nir_foreign import Foreign
from hardware.fixed_point import quantise

from ..data.datasets import ImageSet, load_images
from ..deployment import CALIBRATION, spikes_of
from ..drawing import check, html
from ..files import atomic_write
from ..neurons import TwoCompartmentParams
from ..runs.checkpoint import RunFolder
from ..traces import TraceParams
from .console import Console
from .export import model_of
from .helpers.trained import trained

SAMPLES = 1000  # test images run here, for the gallery and for what the page says of its accuracy
EACH, MISREAD = 3, 10  # test images on the page: of each class, and that are read wrongly


@dataclass(frozen=True, kw_only=True)
class Args:
    """The flags."""

    # run folder, a model file written by biograd export, or another tool's NIR file
    run: tyro.conf.Positional[Path]
    # page to write; draw.html beside the model unless named
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    weight_bits: int = 8  # bits of a weight on the chip, 2..6 or 8
    # test images to run through the page's JavaScript (in Chromium, else Node.js) and the emulator;
    # 0: none
    check: int = 0
    # folder of the data sets; the run's, else the usual one, unless named
    data_folder: Path | None = None
    steps: int = 0  # of another tool's file: time steps a sample is shown
    encoder: str = "integrate_and_fire"  # of another tool's file: how images become spikes
    dt: float | None = None  # of another tool's file: seconds per step, where it does not betray it
    # of another tool's file: how a CubaLIF's w_in is meant, NIR's equation or Norse's jump
    w_in: Literal["euler", "jump"] | None = None
    json: bool = False  # print one JSON object as the last line of standard output


def run(args: Args, console: Console) -> dict[str, Any]:  # any: JSON
    """Write the page."""
    for name in ("check", "steps"):
        if getattr(args, name) < 0:
            raise ValueError(f"{name} is {getattr(args, name)}; need 0 or more")
    torch.set_num_threads(1)
    model = _model(args, console)
    dataset = str(model.info.get("dataset", "mnist"))
    folder = RunFolder(args.run if args.run.is_dir() else args.run.parent)
    root = (
        args.data_folder or (folder.read_config().data_folder if folder.holds_run() else "") or None
    )
    with console.downloads() as progress:
        train, test = (
            load_images(dataset, split, root=root, progress=progress) for split in ("train", "test")
        )
    fixed = quantise(
        model,
        calibration=spikes_of(model, train.subset(slice(0, CALIBRATION))),
        weight_bits=args.weight_bits,
    )
    learning = model.info.get("learning")
    net = html.network(
        fixed,
        model=model,
        **_learned(learning if isinstance(learning, dict) else {}, len(model.layers)),
    )
    images = test.subset(slice(0, max(SAMPLES, args.check)))
    result = emulator.run(fixed, spikes_of(model, images), record=("s",) if args.check else ())
    chosen = images.subset(_gallery(images, result))
    page = html.render(
        net,
        chosen.x.numpy(),
        chosen.y.numpy(),
        title="Draw a digit" if dataset == "mnist" else f"Draw for a network of {dataset}",
        facts=_facts(model, images, result),
        classes=html.CLASS_NAMES.get(dataset, ()),
    )
    checked = (
        _check(model, page, net, images.x.numpy()[: args.check], result, console)
        if args.check
        else {}
    )
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


def _model(args: Args, console: Console) -> Model:
    folder = RunFolder(args.run)
    if folder.holds_run() and folder.checkpoint.exists():
        return model_of(trained(folder, console))
    # A folder of `biograd learn` holds a model and no run to rebuild it from.
    foreign = (
        Foreign(steps=args.steps, encoder=args.encoder, dt=args.dt, w_in=args.w_in)
        if args.steps
        else None
    )
    model = read_model(folder.model if args.run.is_dir() else args.run, foreign=foreign)
    if foreign and "read_from" not in model.info:
        raise ValueError(
            f"{args.run} is a file of BioGrad, which says itself how it is shown (T ="
            f" {model.steps}): leave --steps out"
        )
    return model


def _learned(learning: dict[str, Any], layers: int) -> dict[str, Any]:  # any: JSON
    """How the network learned, as far as its file says; else the simulator's defaults."""
    own = learning.get("traces")
    each = (
        own
        if isinstance(own, list)
        and len(own) == layers
        and all(isinstance(one, dict) for one in own)
        else [learning] * layers
    )
    traces = [
        vars(TraceParams(**{name: one[name] for name in ("alpha_x", "alpha_z") if name in one}))
        for one in each
    ]
    window = float(learning.get("window", TwoCompartmentParams().window))
    return {"error": learning.get("error", "signed"), "window": window, "traces": traces}


def _gallery(images: ImageSet, result: RunResult) -> list[int]:
    """The first images of each class, class by class in turn, then the first ones that are misread."""
    of_class = [np.flatnonzero(images.y.numpy() == c)[:EACH] for c in range(images.classes)]
    fair = [int(found[turn]) for turn in range(EACH) for found in of_class if turn < len(found)]
    misread = [
        int(i) for i in np.flatnonzero(result.predictions != images.y.numpy()) if i not in fair
    ]
    return fair + misread[:MISREAD]


def _facts(model: Model, images: ImageSet, result: RunResult) -> list[str]:
    sizes = "-".join(map(str, model.sizes))
    right = int((result.predictions == images.y.numpy()).sum())
    # Only of a network that says how it learned; with symmetric feedback its errors took
    # backpropagation's way.
    local = "learning" in model.info and model.info.get("feedback") != "symmetric"
    trained_so = ", trained without backpropagation," if local else ""
    return [
        (
            f"A spiking network of {sizes} neurons{trained_so} runs in this page in the integers of"
            " Intel's Loihi."
        ),
        f"It reads {right:,} of the first {len(images):,} test images right.",
    ]


def _check(
    model: Model,
    page: str,
    net: dict[str, Any],
    pixels: np.ndarray,
    result: RunResult,
    console: Console,
) -> dict[str, Any]:  # any: JSON
    if model.encoder == "bernoulli":
        raise ValueError(
            "the page draws its own random spikes for the bernoulli encoder: there is nothing to"
            " check sample by sample"
        )
    in_browser = check.browser() is not None
    where = "Chromium" if in_browser else "Node.js"
    answers = check.in_browser(page, net, pixels) if in_browser else check.in_node(net, pixels)
    found = check.compare(answers, result)
    console.say(
        f"checked in {where}: {found.samples:,} test images, {found.spikes_differ} spikes,"
        f" {found.counts_differ} counts and {found.answers_differ} answers differ from the"
        f" emulator's; {found.milliseconds[0]:.1f} ms an answer"
    )
    if found.spikes_differ or found.counts_differ:
        raise ValueError(
            f"the page and the emulator differ on {found.counts_differ} of {found.samples} images:"
            " the page was not written"
        )
    return {"checked": vars(found)}
