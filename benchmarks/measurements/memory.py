"""Peak memory of one learning step against the number of time steps, and of a sound's length.

    python -m benchmarks.measurements.memory ORDER SECONDS

is the command that `memory_of_sound` starts, once for each order and length.
"""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from biograd.data.sound.mel import FilterBank
from biograd.data.sound.series import SeriesSet
from biograd.errors import SoftmaxError
from biograd.feedback import RandomDFA
from biograd.learning.learner import LocalLearner, Order
from biograd.network import Network
from biograd.runs.config import RunConfig
from biograd.runs.networks import build_network, rules
from biograd.runs.presets import PRESETS

from ..peers.baselines import METHODS, BaselineParams
from .gpu.race import on_device
from .gpu.times import peers
from .meters import peak_bytes
from .speed import INPUT_RATE, SIZES

SOUNDS = (1.0, 10.0)  # seconds
_CLEAR = Path("/proc/self/clear_refs")  # 5, written there, forgets the peak so far


def peak_memory(
    lengths: tuple[int, ...], batch: int = 20, *, device: str = "cpu"
) -> dict[str, Any]:  # any: JSON
    """Return peak bytes of one learning step against T: BioGrad in both orders, and BPTT.

    Args:
        lengths: numbers of steps T.
        device: on "cuda" the peers are those of `gpu.times`, too.
    """
    net = Network(SIZES, generator=torch.Generator().manual_seed(0)).to(device)
    config = RunConfig(hidden=SIZES[1:-1])
    orders: tuple[Order, ...] = ("online", "layer")
    learners: dict[str, Any] = {  # any: BioGrad's learner and the peers'
        f"BioGrad, {order}": LocalLearner(net, RandomDFA(net), order=order) for order in orders
    }
    for name, method in (("snnTorch BPTT", "snntorch"), ("BPTT, torch", "unfused")):
        params = BaselineParams(method=method)
        peer = METHODS[method](SIZES, config, params, torch.Generator().manual_seed(0))
        learners[name] = on_device(peer, device)
    if device == "cuda":
        learners |= peers(net, device)
    labels = (torch.arange(batch) % SIZES[-1]).to(device)
    peaks: dict[str, list[int]] = {name: [] for name in learners}
    for steps in lengths:
        spikes = torch.bernoulli(
            torch.full((steps, batch, SIZES[0]), INPUT_RATE),
            generator=torch.Generator().manual_seed(0),
        ).to(device)
        for name, learner in learners.items():
            learner.step(spikes, labels)
            step = functools.partial(learner.step, spikes, labels)
            peaks[name].append(peak_bytes(step, device=device))
    online = peaks["BioGrad, online"]
    return {
        "steps": list(lengths),
        "batch": batch,
        "peak_bytes": peaks,
        "online_growth": online[-1] / online[0],
    }


def missing() -> str:
    """Return why this machine cannot tell the peak of a process; "" where it can."""
    return "" if _CLEAR.exists() else "needs /proc/self/clear_refs of Linux"


def memory_of_sound(seconds: tuple[float, float] = SOUNDS) -> dict[str, Any]:  # any: JSON
    """Return the peak memory of learning one sound, a short and a long one, in fresh processes.

    The network, rule and coding are those of the preset `speech`, the sound is noise, one clip at a
    time. Peaks: of the whole process while it learns, spikes of the input included, as the
    operating system counts it; and of the tensors that the learning step allocates.

    Args:
        seconds: lengths of the two sounds.
    """
    peaks = {
        order: [_in_fresh_process(order, length) for length in seconds]
        for order in ("online", "layer")
    }
    return {
        "seconds_of_sound": list(seconds),
        "peaks": peaks,
        "online_growth": _growth(peaks["online"], "process_bytes"),
        "online_growth_of_tensors": _growth(peaks["online"], "tensor_bytes"),
        "layer_growth": _growth(peaks["layer"], "process_bytes"),
        "layer_growth_of_tensors": _growth(peaks["layer"], "tensor_bytes"),
    }


def _growth(peaks: list[dict[str, int]], name: str) -> float:
    return peaks[-1][name] / peaks[0][name]


def _in_fresh_process(order: str, seconds: float) -> dict[str, int]:
    command = [sys.executable, "-m", __name__, order, str(seconds)]
    process = subprocess.run(command, capture_output=True, text=True, timeout=900)
    if process.returncode:
        reason = (process.stderr.splitlines() or ["it printed nothing"])[-1]
        raise RuntimeError(f"learning a sound of {seconds:g} s failed: {reason}")
    peaks: dict[str, int] = json.loads(process.stdout.splitlines()[-1])
    return peaks


def learn_sound(order: Order, seconds: float) -> dict[str, int]:
    """Learn one sound in this process, and return its peaks, bytes."""
    torch.set_num_threads(1)
    speech = PRESETS["speech"]
    draws = np.random.default_rng(0)
    short, long = (
        torch.from_numpy(FilterBank(speech.mel).of_sound(draws.normal(size=int(8000 * length))))
        for length in (0.2, seconds)
    )
    series = SeriesSet(
        values=torch.cat([short, long]),
        lengths=torch.tensor([len(short), len(long)]),
        y=torch.tensor([0, 1]),
        classes=10,
        mel=speech.mel,
    )
    net, feedback = build_network(speech, series, torch.Generator().manual_seed(0))
    learner = LocalLearner(
        net, feedback, error=SoftmaxError(), rule=rules(speech, net), order=order
    )
    for member in (0, 1):  # the first one compiles loops
        _CLEAR.write_text("5")
        padded = series.padded([member], len(long))
        step = functools.partial(learner.step, padded, series.y[member : member + 1])
        step()
        process = _peak_of_process()
    return {"process_bytes": process, "tensor_bytes": peak_bytes(step), "steps": len(long)}


def _peak_of_process() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    order: Any = sys.argv[1]  # one of the two orders
    sys.stdout.write(json.dumps(learn_sound(order, float(sys.argv[2]))) + "\n")
