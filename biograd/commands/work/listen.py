"""Listen to a wav file in chunks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from ...checks import real_number
from ...data.sound.series import SeriesSet
from ...data.sound.wav import read_wav
from ...streaming import Listener
from ..console import Console
from ..helpers.named import run_folder
from ..helpers.trained import trained

if TYPE_CHECKING:
    from ..listen import Args


def run(args: Args, console: Console) -> dict[str, Any]:  # any: JSON
    """Print the answer each time that it changes, and the last one."""
    real_number(args.chunk_ms, "chunk_ms", above=0, need="milliseconds above 0")
    torch.set_num_threads(1)
    experiment = trained(run_folder(args.run), console)
    series = experiment.test_set
    mel = series.mel if isinstance(series, SeriesSet) else None
    if not isinstance(series, SeriesSet) or mel is None:
        raise ValueError(
            f"{args.run} was trained on {experiment.config.dataset}, which is no sound: train on"
            " wav files, e.g. biograd train --preset speech"
        )
    samples, rate = read_wav(args.sound, rate=mel.rate, max_seconds=mel.max_seconds)
    listener = Listener.for_series(experiment.net, series)
    state, chunk = listener.start(), max(1, round(args.chunk_ms * rate / 1000))
    heard: list[int] = []
    changes: list[dict[str, Any]] = []  # any: JSON
    for start in range(0, len(samples), chunk):
        answers, state = listener.hear(state, samples[start : start + chunk])
        for answer in answers.tolist():
            ms = len(heard) * mel.hop_ms + mel.frame_ms
            if not heard or answer != heard[-1]:
                changes.append({"ms": ms, "answer": _name(series, answer)})
                console.say(f"{ms:6.0f} ms  {_name(series, answer)}")
            heard.append(answer)
    if not heard:
        raise ValueError(
            f"{args.sound} lasts {1000 * len(samples) / rate:.0f} ms; an answer needs"
            f" {mel.frame_ms:g} ms"
        )
    answer = _name(series, heard[-1])
    console.say(f"answer: {answer}, from {changes[-1]['ms']:.0f} ms on")
    return {"answer": answer, "changes": changes, "steps": len(heard)}


def _name(series: SeriesSet, answer: int) -> str:
    return series.names[answer] if series.names else str(answer)
