"""The suites and the tasks they consist of; a new suite is an entry of `SUITES`.

Each function below returns the tasks of one part of a suite.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from biograd.runs.experiment import default_threads

from .chip_tasks import deployed_run
from .gpu_tasks import interpreted_kernels, on_gpu, single_layers
from .measurements import (
    answers,
    cost_variations,
    depth,
    device_energy,
    few_shot,
    loihi_costs,
    memory,
    order_tasks,
    regression,
    scaling,
    speed,
)
from .measurements.few_shot import FewShotParams
from .measurements.integers import speed as integer_speed
from .measurements.races import kinds
from .measurements.trials import (
    SEEDS,
    event_trials,
    fashion_trials,
    paper_trials,
    pareto_trials,
    preset_trials,
    time_to_trial,
)
from .measurements.whole_run import followed
from .speech_tasks import signals_in_time
from .study_tasks import STUDIES
from .task import Bench, Results, Task, trial_task
from .tutorial_tasks import snntorch_tutorial

SHORT = (10, 50, 200)  # numbers of steps at which memory is measured
LONG = (10, 50, 100, 200, 400, 1000)


@dataclass(frozen=True, kw_only=True)
class Suite:
    """Tasks that are run together."""

    what: str  # for the help of `biograd benchmark`
    parts: Sequence[Callable[[], list[Task]]]

    def tasks(self) -> list[Task]:
        """Return the tasks of all parts, in order."""
        return [task for part in self.parts for task in part()]


def trained_run() -> list[Task]:
    """Measure one trained run: answers, operations, cost on Loihi."""
    return [
        Task(
            name="answers", measures_run=True, work=lambda bench: [answers.answers(bench.trained)]
        ),
        Task(
            name="operations",
            measures_run=True,
            work=lambda bench: [answers.operations(bench.trained)],
        ),
        Task(name="loihi", measures_run=True, work=_loihi),
    ]


def short_memory() -> list[Task]:
    """Measure memory against the number of steps, up to 200."""
    return [_memory(SHORT)]


def short_race() -> list[Task]:
    """Measure training speed in five rounds."""

    def work(bench: Bench) -> list[Results]:
        return [speed.training_speed(bench.threads, rounds=5, seconds=0.2, with_floor=False)]

    return [Task(name="speed", config={"rounds": 5}, work=work)]


def energy_model() -> list[Task]:
    """Compare the energy model with silicon."""
    return [
        Task(name="energy model against silicon", work=lambda bench: [loihi_costs.validation()])
    ]


def accuracy() -> list[Task]:
    """Compare accuracy with backpropagation: Adam and SGD, other feedback, the presets."""
    return [trial_task("accuracy", trial) for trial in (*paper_trials(), *preset_trials())]


def whole_runs() -> list[Task]:
    """Price training runs over all their epochs."""
    return [trial_task("pareto", trial, run=followed) for trial in pareto_trials()]


def device_joules() -> list[Task]:
    """Measure joules and seconds of this machine's processor and GPU."""
    config = {
        "sizes": list(device_energy.SIZES),
        "steps": device_energy.STEPS,
        "batches": list(device_energy.BATCHES),
    }
    return [
        Task(name="device energy", config=config, work=lambda bench: device_energy.device_energy())
    ]


def races() -> list[Task]:
    """Race training and inference against the peers, on one thread and on all."""
    threads = sorted({1, default_threads()})
    settings = [(n, inputs) for inputs in speed.INPUTS for n in threads]
    return [
        *(_race("speed", speed.training_speed, n, inputs) for n, inputs in settings),
        *(_race("inference speed", speed.inference_speed, n, inputs) for n, inputs in settings),
        *(
            Task(
                name="one-thread race",
                config={"race": name},
                work=lambda bench, name=name: [kinds.race(name)],  # type: ignore[misc]
            )
            for name in kinds.RACES
        ),
    ]


def other_speeds() -> list[Task]:
    """Measure the emulator against Lava, workers, memory up to 1000 steps, time to an accuracy."""
    return [
        Task(name="emulator speed", work=lambda bench: [integer_speed.emulator_against_lava()]),
        Task(name="workers", config={"workers": 2}, work=lambda bench: [scaling.workers_scaling()]),
        _memory(LONG),
        trial_task("time to accuracy", time_to_trial()),
    ]


def order_in_time() -> list[Task]:
    """Learn classes that differ in timing alone, three seeds."""
    every = [(p, rule) for p in order_tasks.TASKS for rule in order_tasks.RULES]
    return [
        Task(
            name="timing",
            config=order_tasks.described(p, rule),
            seed=seed,
            work=lambda bench, p=p, rule=rule, seed=seed: order_tasks.measure(p, rule, seed),  # type: ignore[misc]
        )
        for p, rule in (*every, *order_tasks.RECURRENT, *order_tasks.DELAYED)
        for seed in SEEDS
    ]


def few_samples() -> list[Task]:
    """Learn new classes from a few samples, three seeds."""
    p = FewShotParams()
    return [
        Task(
            name="few-shot",
            config=dataclasses.asdict(p),
            seed=seed,
            work=lambda bench, seed=seed: few_shot.measure(p, seed),  # type: ignore[misc]
        )
        for seed in SEEDS
    ]


def real_numbers() -> list[Task]:
    """Learn real numbers, three seeds."""
    return [
        Task(
            name="regression",
            config=regression.described(p, method),
            seed=seed,
            work=lambda bench, p=p, method=method, seed=seed: regression.measure(p, method, seed),  # type: ignore[misc]
        )
        for p in regression.TASKS
        for method in regression.METHODS
        for seed in SEEDS
    ]


def other_sets() -> list[Task]:
    """Learn simulated events and Fashion-MNIST, three seeds."""
    return [
        *(trial_task("simulated events", trial) for trial in event_trials()),
        *(trial_task("fashion", trial) for trial in fashion_trials()),
    ]


def deep_nets() -> list[Task]:
    """Train four hidden layers by each feedback, convolutions by BPTT too, the conv presets."""
    return [
        *(trial_task("depth", trial) for trial in depth.depth_trials()),
        *(trial_task("convolution", trial) for trial in depth.conv_trials()),
        *(trial_task("conv presets", trial) for trial in depth.preset_trials()),
    ]


def _loihi(bench: Bench) -> Iterator[Results]:
    experiment = bench.trained
    deployed = loihi_costs.deploy(
        experiment.trainer, experiment.config, experiment.train_set, experiment.test_set
    )
    yield loihi_costs.costs(deployed) | cost_variations.variations(deployed)


def _memory(lengths: tuple[int, ...]) -> Task:
    return Task(
        name="memory",
        config={"lengths": list(lengths)},
        work=lambda bench: [memory.peak_memory(lengths)],
    )


def _race(name: str, race: Callable[..., Results], threads: int, inputs: str) -> Task:
    return Task(
        name=name,
        config={"threads": threads, "inputs": inputs},
        work=lambda bench: [race(threads, inputs=inputs)],
    )


_ENERGY = (energy_model, whole_runs, device_joules)
_SPEED = (races, single_layers, other_speeds)
SUITES: dict[str, Suite] = {
    "quick": Suite(
        what="a trained run: answers, operations, cost on Loihi; memory; a short race; a minute",
        parts=(trained_run, short_memory, short_race, energy_model),
    ),
    "paper": Suite(
        what="accuracy against backpropagation, three seeds; hours on two cores",
        parts=(accuracy,),
    ),
    "energy": Suite(
        what="joules of a trained run and of whole trainings, modelled on Loihi, measured here",
        parts=(trained_run, *_ENERGY),
    ),
    "speed": Suite(
        what="races against snnTorch and others, workers, memory, time to an accuracy",
        parts=_SPEED,
    ),
    "gpu": Suite(
        what="on a GPU: kernels checked, times, races, memory, joules, time to an accuracy",
        parts=(on_gpu,),
    ),
    "gpu-kernels": Suite(
        what="the GPU's kernels against the pure steps, by Triton's interpreter on a CPU; seconds",
        parts=(interpreted_kernels,),
    ),
    "tasks": Suite(
        what="order in time, a few samples, real numbers, simulated events, Fashion-MNIST",
        parts=(order_in_time, few_samples, real_numbers, other_sets),
    ),
    "snntorch": Suite(
        what="networks of snnTorch's tutorials, converted and trained; two hours on two cores",
        parts=(snntorch_tutorial,),
    ),
    "depth": Suite(
        what="four hidden layers by each feedback; convolutions beside BPTT; hours on two cores",
        parts=(deep_nets,),
    ),
    "maps": Suite(
        what="a trained run, e.g. of mnist-conv, in integers: accuracy by bits, speed, Lava",
        parts=(deployed_run,),
    ),
    "studies": Suite(
        what="independent components, faults and codes; each study some minutes on one core",
        parts=STUDIES,
    ),
    "speech": Suite(
        what="spoken digits and Japanese vowels, beside BPTT and baselines; an hour on two cores",
        parts=(signals_in_time,),
    ),
    "full": Suite(
        what="paper, energy and speed together",
        parts=(trained_run, accuracy, *_ENERGY, *_SPEED),
    ),
}
