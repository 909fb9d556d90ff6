"""What a suite consists of: named tasks, each with its configuration and seed, and what it yields."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from biograd.runs.checkpoint import RunFolder
from biograd.runs.experiment import Experiment, default_threads

from .measurements import (
    answers,
    chip_speed,
    device_energy,
    few_shot,
    gpu_race,
    loihi_costs,
    order_tasks,
    regression,
    scaling,
    speed,
    tutorial,
)
from .measurements.few_shot import FewShotParams
from .measurements.trials import (
    SEEDS,
    Trial,
    event_trials,
    fashion_trials,
    gpu_trials,
    paper_trials,
    pareto_trials,
    preset_trials,
    time_to_trial,
    train,
)
from .measurements.whole_run import followed

Results = dict[str, Any]  # any: JSON


SHORT, LONG = (10, 50, 200), (10, 50, 100, 200, 400, 1000)  # steps at which memory is measured


@dataclass
class Bench:
    """What tasks work on."""

    run: RunFolder | None  # the trained run that some of them measure
    threads: int = field(default_factory=default_threads)
    tell: Callable[[str, int, int], None] = lambda what, done, total: None  # progress within a task

    @cached_property
    def trained(self) -> Experiment:
        """The trained run's experiment, loaded once."""
        if self.run is None:
            raise ValueError(
                "this suite measures a trained run: name its folder (biograd benchmark --run"
                " FOLDER)"
            )
        return answers.trained(self.run)


@dataclass(frozen=True, kw_only=True)
class Task:
    """One measurement. Tasks of the same name, configuration and seed are the same task, done once
    a file of records.
    """

    name: str
    config: Results = field(default_factory=dict)
    seed: int | None = None
    measures_run: bool = False  # whether it needs the trained run
    missing: Callable[[], str] = lambda: ""  # why this machine cannot do it; empty where it can
    work: Callable[[Bench], Iterable[Results]]


def quick() -> list[Task]:
    """A trained run from all sides: what it answers, its operations, its cost on Loihi, memory, and
    a short race. Under a minute.
    """
    return [
        *of_run(),
        Task(
            name="memory", config={"lengths": list(SHORT)}, work=lambda bench: [speed.memory(SHORT)]
        ),
        Task(
            name="speed",
            config={"rounds": 5},
            work=lambda bench: [
                speed.training_speed(bench.threads, rounds=5, seconds=0.2, with_floor=False)
            ],
        ),
        _renner(),
    ]


def paper() -> list[Task]:
    """Accuracy against backpropagation: three seeds: Adam and SGD, other feedback, the presets.
    Hours on two cores.
    """
    return [trial_task("accuracy", trial) for trial in (*paper_trials(), *preset_trials())]


def energy() -> list[Task]:
    """Joules: modelled on Loihi, measured on this machine where it has a meter."""
    return [
        *of_run(),
        _renner(),
        *(trial_task("pareto", trial, run=followed) for trial in pareto_trials()),
        Task(
            name="device energy",
            config={
                "sizes": list(device_energy.SIZES),
                "steps": device_energy.STEPS,
                "batches": list(device_energy.BATCHES),
            },
            work=lambda bench: device_energy.device_energy(),
        ),
    ]


def race() -> list[Task]:
    """Speed: training and inference against the peers, one thread and all; two workers; memory
    against T; time to an accuracy.
    """
    threads = sorted({1, default_threads()})
    races = [(n, inputs) for inputs in speed.INPUTS for n in threads]
    return [
        *(_race("speed", speed.training_speed, n, inputs) for n, inputs in races),
        *(_race("inference speed", speed.inference_speed, n, inputs) for n, inputs in races),
        Task(name="emulator speed", work=lambda bench: [chip_speed.emulator_against_lava()]),
        Task(name="workers", config={"workers": 2}, work=lambda bench: [scaling.workers_scaling()]),
        Task(
            name="memory",
            config={"lengths": [10, 50, 100, 200, 400, 1000]},
            work=lambda b: [speed.memory((10, 50, 100, 200, 400, 1000))],
        ),
        trial_task("time to accuracy", time_to_trial()),
        *_on_gpu(),
    ]


def _on_gpu() -> list[Task]:
    """The races of a machine with a GPU: training speed and bandwidth at several batch sizes, and
    time to an accuracy.
    """
    races = [
        Task(
            name="gpu race",
            config={"batch": batch},
            work=lambda bench, batch=batch: [gpu_race.training_race(batch)],  # type: ignore[misc]
        )
        for batch in gpu_race.BATCHES
    ]
    runs = [trial_task("time to accuracy, gpu", trial) for trial in gpu_trials()]
    return [dataclasses.replace(task, missing=gpu_race.missing) for task in (*races, *runs)]


def _race(name: str, race: Callable[..., Results], threads: int, inputs: str) -> Task:
    return Task(
        name=name,
        config={"threads": threads, "inputs": inputs},
        work=lambda bench: [race(threads, inputs=inputs)],
    )


def of_run() -> list[Task]:
    """The tasks that look at one trained run."""
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


def more() -> list[Task]:
    """Beyond MNIST, three seeds: what only time tells apart, a few samples of new classes, real
    numbers, event cameras, Fashion-MNIST.
    """
    return [
        *(
            Task(
                name="timing",
                config=order_tasks.described(p, rule),
                seed=seed,
                work=lambda bench, p=p, rule=rule, seed=seed: order_tasks.measure(p, rule, seed),  # type: ignore[misc]
            )
            for p, rule in (
                *((p, rule) for p in order_tasks.TASKS for rule in order_tasks.RULES),
                *order_tasks.RECURRENT,
            )
            for seed in SEEDS
        ),
        *(
            Task(
                name="few-shot",
                config=dataclasses.asdict(FewShotParams()),
                seed=seed,
                work=lambda bench, seed=seed: few_shot.measure(FewShotParams(), seed),  # type: ignore[misc]
            )
            for seed in SEEDS
        ),
        *(
            Task(
                name="regression",
                config=regression.described(p, method),
                seed=seed,
                work=lambda bench, p=p, method=method, seed=seed: regression.measure(
                    p, method, seed
                ),  # type: ignore[misc]
            )
            for p in regression.TASKS
            for method in regression.METHODS
            for seed in SEEDS
        ),
        *(trial_task("simulated events", trial) for trial in event_trials()),
        *(trial_task("fashion", trial) for trial in fashion_trials()),
    ]


def trial_task(name: str, trial: Trial, run: Callable[..., Results] | None = None) -> Task:
    """A training run as a task.

    Args:
        run: what does it, of the trial and `on_batch`; plain training unless named.
    """

    def work(bench: Bench) -> Iterator[Results]:
        def tell(progress: Any) -> None:  # any: trainer.Progress
            done = progress.epoch * progress.batches + progress.batch
            bench.tell(
                f"{trial.method}, seed {trial.config.seed}",
                done,
                trial.config.epochs * progress.batches,
            )

        yield run(trial, on_batch=tell) if run else train(trial, on_batch=tell)[0]

    return Task(name=name, config=trial.described(), seed=trial.config.seed, work=work)


def _loihi(bench: Bench) -> Iterator[Results]:
    experiment = bench.trained
    deployed = loihi_costs.deploy(
        experiment.trainer, experiment.config, experiment.train_set, experiment.test_set
    )
    yield loihi_costs.costs(deployed) | loihi_costs.variations(deployed)


def _renner() -> Task:
    return Task(name="energy model against silicon", work=lambda bench: [loihi_costs.validation()])


def snntorch() -> list[Task]:
    """snnTorch's tutorial network: its spikes on the way to NIR and back, and its training beside
    BioGrad's. A quarter of an hour.
    """
    # Learning rates: the tutorial's own; twice that where it falls to 0, not tuned; BioGrad's, the
    # best of 2e-3, 3e-3 and 5e-3 on 5,000 training images set apart.
    rates = {"snntorch": 5e-4, "snntorch annealed": 1e-3, "biograd": 3e-3}
    trials = [
        (method, lr, epochs, seed)
        for seed in SEEDS
        for epochs in (1, 2)
        for method, lr in rates.items()
    ]
    return [
        Task(
            name="spikes there and back",
            config={"samples": 1000},
            seed=0,
            work=lambda bench: [tutorial.round_trip()],
        ),
        # At a constant rate the second epoch follows the first: one run tells both.
        *(
            _tutorial_task(method, lr, epochs, seed)
            for method, lr, epochs, seed in trials
            if (method, epochs) != ("snntorch", 1)
        ),
    ]


def _tutorial_task(method: str, lr: float, epochs: int, seed: int) -> Task:
    how: Results = {"epochs": epochs, "lr": lr}
    return Task(
        name="tutorial",
        config={"method": method, **how},
        seed=seed,
        work=lambda bench: [tutorial.measure(method, seed=seed, threads=bench.threads, **how)],
    )


SUITES: dict[str, Callable[[], list[Task]]] = {
    "quick": quick,
    "paper": paper,
    "energy": energy,
    "speed": race,
    "tasks": more,
    "snntorch": snntorch,
    "full": lambda: [*of_run(), *paper(), *energy()[3:], *race()],
}
