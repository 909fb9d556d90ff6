"""Train a network with local rules and sleep, into a run folder.

Flags default to those of the preset, or of the TOML file given with --config. Ctrl-C stops after
the current batch and saves; --out RUN --resume goes on from there with the run's own settings, to
the same weights as an unbroken run. With more --epochs a finished run goes on too: at the learning
rate that a run of so many epochs has there, so that cosine and linear schedules fall to 0 again.
With --from the network of a NIR file, of biograd or of another tool, is trained on; with --find-lr
learning rates are tried and nothing is trained.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from ..runs.config import RunConfig, with_neuron_model
from ..runs.config_files import read_config
from ..runs.presets import PRESETS, preset
from .console import Console
from .helpers.flags import value_of

_PRESET_HELP = f"start from this preset: {', '.join(PRESETS)}; mnist unless --config is given"


@dataclass(frozen=True, kw_only=True)
class Args:
    """The flags."""

    run: Annotated[RunConfig, tyro.conf.arg(name="")] = field(default_factory=RunConfig)
    preset: Annotated[str, tyro.conf.arg(help=_PRESET_HELP)] = ""
    config: Path | None = None  # start from this TOML file
    # start with the sizes, constants and weights of this NIR file
    source: Annotated[Path | None, tyro.conf.arg(name="from")] = None
    # for another tool's NIR file: seconds per step, where its constants do not say
    dt: float | None = None
    # for another tool's NIR file: what a CubaLIF's w_in means, NIR's equation (euler) or Norse's
    # jump
    w_in: Literal["euler", "jump"] | None = None
    find_lr: bool = False  # try learning rates on some batches, suggest one, and stop
    out: Path | None = None  # run folder; by default runs/PRESET, or runs/ and the name of --config
    # go on with the run in the folder, with its settings; start it where there is none
    resume: bool = False
    # write curves into RUN/tensorboard (pip install 'biograd[tensorboard]')
    tensorboard: bool = False
    quiet: bool = False  # draw no pictures at the end
    # when numbers go wrong (exploding weights, silent layers, ...): tell, or save and stop too
    on_fault: Literal["tell", "stop"] = "tell"
    json: bool = False  # print one JSON object as the last line of standard output


def defaults(arguments: list[str]) -> Args:
    """Return the defaults of the flags: those of the preset, file, run or network named in them."""
    name, file = value_of(arguments, "--preset"), value_of(arguments, "--config")
    if name and file:
        raise ValueError(
            f"both --preset {name} and --config {file} are given: name one; a file may hold a line"
            f" preset = {name!r}"
        )
    stored = Path(value_of(arguments, "--out") or "runs/mnist") / "config.toml"
    if "--resume" in arguments and not name and not file and stored.is_file():
        run = read_config(stored)
    else:
        run = read_config(file) if file else preset(name or "mnist")
    if model := value_of(arguments, "--neuron-model"):
        run = with_neuron_model(run, model)  # its constants become flags
    if start := value_of(arguments, "--from"):
        from .helpers.named import model_file  # loads torch, as above
        from .helpers.start_weights import configured

        dt = value_of(arguments, "--dt")
        run = configured(
            run,
            model_file(Path(start)),
            dt=_number("--dt", dt) if dt else None,
            w_in=value_of(arguments, "--w-in") or None,
        )
    return Args(run=run, config=Path(file)) if file else Args(run=run, preset=name or "mnist")


def run(args: Args, console: Console) -> dict[str, Any]:  # any: JSON
    """Train, save, draw; returns the run's record."""
    for flag, value in (("--dt", args.dt), ("--w-in", args.w_in)):
        if value is not None and not args.run.start_from:
            raise ValueError(
                f"{flag} is {value}, and --from names no file that it explains: add it"
            )
    if args.find_lr and args.resume:
        raise ValueError("--find-lr trains nothing, so there is nothing to --resume: leave one out")
    from .work import train  # loads torch, which --help does not need

    return train.run(args, console)


def _number(flag: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{flag} is {text!r}; need a number, e.g. 1e-4") from None
