"""Run a prototype layer in Lava's own CPU simulation, one sample after another.

    host -> LearningDense -> prototypes, with the energy neuron's spike beside it

Only Python 3.10 has Lava; from other Pythons `hardware.prototypes.against_lava` starts
`hardware.loihi.prototype_worker` in it.
"""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from lava.magma.core.learning.learning_rule import Loihi3FLearningRule
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.proc.dense.process import LearningDense
from lava.utils.weightutils import SignMode

from hardware.learning.plan import DAY, Segment
from hardware.learning.streams import FORWARD
from hardware.loihi.learning_processes import PyPerSynapseLearningDense
from hardware.loihi.prototype_processes import PrototypeHost, Prototypes
from hardware.prototypes.params import PrototypeParams


def run(
    params: PrototypeParams,
    images: np.ndarray,
    labels: np.ndarray,
    folder: Path,
    *,
    watch: Callable[[object, Callable[[], int]], None] | None = None,
) -> dict[str, np.ndarray]:
    """Learn samples in Lava.

    Args:
        images: uint8 [n, inputs], labels int64 [n].
        folder: for the files that Lava's processes share with this one.
        watch: as in `runner.run`; progress is the number of samples done.
    Returns: digests uint64 [n], answers int32 [n], seconds, and w int16 [inputs, prototypes].
    """
    period, shape = params.period, (params.inputs, params.prototypes)
    segments = [
        Segment((sample + 1) * period, period, DAY, sample, (0, 0)) for sample in range(len(images))
    ]
    files = {name: folder / name for name in ("answers", "digests", "final")}
    answers = np.memmap(files["answers"], dtype=np.int32, mode="w+", shape=(len(images),))
    digests = np.memmap(files["digests"], dtype=np.uint64, mode="w+", shape=(len(images),))
    final = np.memmap(files["final"], dtype=np.int16, mode="w+", shape=shape)
    host = PrototypeHost(params=params, segments=segments, images=images)
    neurons = Prototypes(
        params=params, segments=segments, labels=labels, answers_path=str(files["answers"])
    )
    synapses = LearningDense(
        weights=np.zeros(shape[::-1], dtype=np.int32),
        learning_rule=Loihi3FLearningRule(
            dw=str(params.forward_rule),
            x1_impulse=params.x1_impulse,
            x1_tau=params.x1_tau,
            t_epoch=params.epoch,
            rng_seed=params.connection_seed(),
        ),
        sign_mode=SignMode.MIXED,
        num_weight_bits=min(8, params.weight_bits),
    )
    settings = {
        "params": params,
        "segments": segments,
        "digests_path": str(files["digests"]),
        "final_path": str(files["final"]),
        "feedback": False,
        "stream": (FORWARD, 0, 0),
    }
    for name, value in settings.items():
        synapses.proc_params[name] = value
    host.s_out.connect(synapses.s_in)
    host.energy_out.connect(neurons.energy_in)
    synapses.a_out.connect(neurons.a_in)
    for trace, port in (
        (neurons.y1, synapses.s_in_y1),
        (neurons.y2, synapses.s_in_y2),
        (neurons.y3, synapses.s_in_y3),
    ):
        trace.connect(port)
    config = Loihi2SimCfg(
        select_tag="fixed_pt",
        exception_proc_model_map={LearningDense: PyPerSynapseLearningDense},
    )
    host.create_runtime(config)
    if watch is not None:
        watch(host.runtime, lambda: int(np.count_nonzero(digests)))
    begun = time.perf_counter()
    host.run(condition=RunSteps(num_steps=segments[-1].last_step), run_cfg=config)
    seconds = time.perf_counter() - begun
    host.stop()
    return {
        "digests": np.array(digests),
        "answers": np.array(answers),
        "seconds": np.array(seconds),
        "w": np.array(final),
    }
