"""The loop of `biograd learn`: learn in the emulator, show, record every epoch, save, stop."""

from __future__ import annotations

import time
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np

from hardware.learning import state as learning_state
from hardware.learning.emulator import evaluate, learn
from hardware.learning.records import LearningRecord
from hardware.learning.state import LearningState

from ...data.datasets import ImageSet
from ...runs import records
from ...runs.checkpoint import RunFolder
from ...training.health import Fault, FaultLog, GuardLimits, angle_faults, chip_faults
from ..console import Console
from .front_features import Arrays
from .interrupt import stop_request

SAVE_EVERY = 10.0  # seconds between two saved states
SHOWN_BLOCKS = 20  # learning records whose accuracy the bar shows
MIN_BLOCK = 100  # samples between two nights below which firing rates say too little


def state_file(folder: RunFolder) -> Path:
    """Return the file that holds the state of the learning in a run folder."""
    return folder.path / "learning.npz"


def arrays(samples: ImageSet) -> Arrays:
    """Return images, uint8 [n, inputs], and labels, int64 [n], as the chip side takes them."""
    return samples.x.flatten(1).numpy(), samples.y.numpy()


def learn_epochs(
    state: LearningState,
    train: Arrays,
    test: Arrays,
    *,
    epochs: int,
    folder: RunFolder,
    console: Console,
) -> bool:
    """Learn until `epochs` are done, saving state and records; False where Ctrl-C came before.

    train, test: images or spikes of a front, and labels, as `emulator.learn` takes them.
    """
    samples = len(train[1])
    total, saved = epochs * samples, time.perf_counter()
    recent = deque[LearningRecord](maxlen=SHOWN_BLOCKS)
    faults = FaultLog()
    with stop_request() as stopping, console.bar("learning on the chip", unit="samples") as bar:
        for record in learn(state, *train, epochs=epochs):
            recent.append(record)
            state.tally += (record.block, record.correct, record.learned, record.seconds)
            bar(record.samples, total, _progress(recent))
            faults.note(_firing_faults(record, state))
            epoch_ends = record.samples % samples == 0
            if epoch_ends and record.block:
                epoch = _epoch(record.samples // samples, state, test)
                if state.params.feedback == "sleep":
                    faults.note(angle_faults(epoch["feedback_angle_deg"], GuardLimits()))
                records.append(folder.records, epoch | {"faults": faults.counted()})
                state.tally[:] = 0
            for fault in faults.fresh():
                console.say(f"fault: {fault}")
            if stopping or epoch_ends or time.perf_counter() - saved > SAVE_EVERY:
                learning_state.write_state(state, state_file(folder))
                saved = time.perf_counter()
            if stopping and record.samples < total:
                return False
    return True


def angles(state: LearningState) -> list[float]:
    """Return the angle between feedback and forward weights of each hidden layer, degrees."""
    return [learning_state.feedback_angle(state, layer) for layer in range(len(state.w_fb))]


def _progress(recent: deque[LearningRecord]) -> str:
    correct, samples = sum(r.correct for r in recent), sum(r.block for r in recent)
    rate = recent[-1].block / recent[-1].seconds
    return f"online {100 * correct / max(samples, 1):.1f} %  {rate:,.0f} samples/s"


def _firing_faults(record: LearningRecord, state: LearningState) -> list[Fault]:
    """Return the faults since the last night; none for a block too short to judge."""
    if record.block < MIN_BLOCK:
        return []
    neurons = np.array(state.params.sizes[1:])
    rates = record.spikes[1:] / (neurons * max(1, record.steps))
    saturated = record.saturated_traces / max(1, record.learned * int(neurons.sum()))
    return chip_faults(rates.tolist(), saturated, GuardLimits())


# any: JSON
def _epoch(number: int, state: LearningState, test: Arrays) -> dict[str, Any]:
    """Return the record of a finished epoch, measured on test images."""
    samples, correct, learned, seconds = state.tally.tolist()
    return {
        "kind": "epoch",
        "epoch": number,
        "samples": state.samples,
        "train_accuracy": correct / max(samples, 1),
        "test_accuracy": evaluate(state, *test),
        "feedback_angle_deg": angles(state),
        "seconds": seconds,
        "samples_per_second": samples / seconds if seconds else None,
        "learned_fraction": learned / max(samples, 1),
    }
