"""Run a net that learns in Lava's own CPU simulation, continuously over a plan's days and nights.

    host -> LearningDense -> hidden -> LearningDense -> ... -> output
    output -> error spikes -> LearningDense (feedback) -> each hidden layer

Only Python 3.10 has Lava; from other Pythons `hardware.learning.against_lava` starts
`hardware.loihi.learning_worker` in it.
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

from hardware.learning import state as learning_state
from hardware.learning.params import ChipLearningParams
from hardware.learning.plan import Segment
from hardware.learning.streams import FEEDBACK, FORWARD
from hardware.loihi.learning_processes import (
    LearningHidden,
    LearningHost,
    LearningOutput,
    PyPerSynapseLearningDense,
    PyStockLearningDense,
)


def run(
    params: ChipLearningParams,
    images: np.ndarray,
    labels: np.ndarray,
    segments: list[Segment],
    folder: Path,
    *,
    watch: Callable[[object, Callable[[], int]], None] | None = None,
) -> dict[str, np.ndarray]:
    """Learn in Lava.

    Args:
        images: uint8 [n, inputs], labels int64 [n], in the plan's order.
        folder: for the files that Lava's processes share with this one.
        watch: as in `runner.run`; progress is the number of segments done.
    Returns: digests uint64 [segments, connections], outputs int32 [segments, classes], seconds,
        and w0, w1, ... int16 [pre, post].
    """
    net = _Net(params, images, labels, segments, folder)
    model = PyStockLearningDense if params.rounding == "stock" else PyPerSynapseLearningDense
    config = Loihi2SimCfg(select_tag="fixed_pt", exception_proc_model_map={LearningDense: model})
    net.host.create_runtime(config)
    if watch is not None:
        last = net.digests[0]
        watch(net.host.runtime, lambda: int(np.count_nonzero(last)))
    start = time.perf_counter()
    net.host.run(condition=RunSteps(num_steps=segments[-1].last_step), run_cfg=config)
    seconds = time.perf_counter() - start
    net.host.stop()
    arrays = {
        "digests": np.stack(net.digests, axis=1),
        "outputs": np.array(net.outputs),
        "seconds": np.array(seconds),
    }
    return arrays | {f"w{index}": np.array(w) for index, w in enumerate(net.finals)}


class _Net:
    """Processes, their connections, and the files that they write their results to."""

    def __init__(
        self,
        params: ChipLearningParams,
        images: np.ndarray,
        labels: np.ndarray,
        segments: list[Segment],
        folder: Path,
    ) -> None:
        self.params, self.segments, self.folder = params, segments, folder
        self.digests: list[np.memmap] = []
        self.finals: list[np.memmap] = []
        state = learning_state.start(params)
        self.host = LearningHost(params=params, segments=segments, images=images)
        hidden = [self._hidden(layer) for layer in range(params.layers - 1)]
        counts = folder / "output"
        self.outputs = np.memmap(
            counts, dtype=np.int32, mode="w+", shape=(len(segments), params.sizes[-1])
        )
        output = LearningOutput(
            params=params, segments=segments, labels=labels, counts_path=str(counts)
        )
        sources = [self.host.s_out, *(neurons.s_out for neurons in hidden)]
        layers: list[LearningHidden | LearningOutput] = [*hidden, output]
        for layer, (source, neurons) in enumerate(zip(sources, layers, strict=True)):
            synapses = self._synapses(state.w[layer], layer, None)
            source.connect(synapses.s_in)
            synapses.a_out.connect(neurons.a_in)
            for trace, port in (
                (neurons.y1, synapses.s_in_y1),
                (neurons.y2, synapses.s_in_y2),
                (neurons.y3, synapses.s_in_y3),
            ):
                trace.connect(port)
        for layer, neurons in enumerate(hidden):
            for population, (error, apical) in enumerate(
                ((output.e_0, neurons.a_fb_0), (output.e_1, neurons.a_fb_1))[: params.populations]
            ):
                synapses = self._synapses(state.w_fb[layer][population], layer, population)
                error.connect(synapses.s_in)
                synapses.a_out.connect(apical)
                for trace, port in (
                    (neurons.z1, synapses.s_in_y1),
                    (neurons.z2, synapses.s_in_y2),
                    (neurons.z3, synapses.s_in_y3),
                ):
                    trace.connect(port)

    def _hidden(self, layer: int) -> LearningHidden:
        path = self.folder / f"hidden{layer}"
        np.memmap(
            path,
            dtype=np.int32,
            mode="w+",
            shape=(len(self.segments), self.params.sizes[layer + 1]),
        ).flush()
        return LearningHidden(
            params=self.params, segments=self.segments, layer=layer, counts_path=str(path)
        )

    def _synapses(self, w: np.ndarray, layer: int, population: int | None) -> LearningDense:
        params = self.params
        feedback = population is not None
        rule = Loihi3FLearningRule(
            dw=str(params.feedback_rule if feedback else params.forward_rule),
            x1_impulse=params.feedback_impulse if feedback else params.x1_impulse,
            x1_tau=0 if feedback else params.x1_tau,
            t_epoch=1 if feedback else params.epoch,
            rng_seed=params.connection_seed(layer, population),
        )
        synapses = LearningDense(
            weights=w.T.astype(np.int32),
            learning_rule=rule,
            sign_mode=SignMode.MIXED,
            num_weight_bits=min(8, params.weight_bits),
            num_message_bits=1 if feedback else 0,
        )
        index = len(self.digests)
        digests, final = self.folder / f"digests{index}", self.folder / f"final{index}"
        self.digests.append(
            np.memmap(digests, dtype=np.uint64, mode="w+", shape=(len(self.segments),))
        )
        self.finals.append(np.memmap(final, dtype=np.int16, mode="w+", shape=w.shape))
        settings = {
            "params": params,
            "segments": self.segments,
            "digests_path": str(digests),
            "final_path": str(final),
            "feedback": feedback,
            "stream": (FEEDBACK if feedback else FORWARD, layer, population or 0),
        }
        for name, value in settings.items():
            synapses.proc_params[name] = value
        return synapses
