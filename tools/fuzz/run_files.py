"""Readers of runs: checkpoints, configurations, records, and results of benchmarks."""

from __future__ import annotations

import dataclasses
import json
import tempfile
from pathlib import Path

import mutations
from reader import Reader


def checkpoint() -> Reader:
    """Return the reader of a run folder: checkpoint, configuration and records, to resume it."""
    import torch

    from biograd.data import datasets
    from biograd.runs import records
    from biograd.runs.checkpoint import RunFolder, load_checkpoint, load_weights, save_checkpoint
    from biograd.runs.config import RunConfig
    from biograd.runs.experiment import Experiment
    from biograd.sleep import SleepParams

    def few(root, split, progress):
        generator = torch.Generator().manual_seed(0)
        x = torch.randint(0, 256, (6, 3, 2), dtype=torch.uint8, generator=generator)
        return datasets.ImageSet("mnist", split, x, torch.tensor([0, 1, 2, 0, 1, 2]), 3)

    datasets.DATASETS["mnist"] = few
    sleep = SleepParams(every=2, first_night=1, phases=1, steps=20)
    config = RunConfig(hidden=(4,), epochs=2, batch=3, steps=3, threads=1, sleep=sleep)
    configs = (config, dataclasses.replace(config, optimizer="sgd", momentum=0.9))

    def save(path: Path, config: RunConfig) -> None:
        folder = RunFolder(path.parent)
        experiment = Experiment.from_config(config)
        folder.start(config, resume=False)
        records.append(folder.records, next(experiment.trainer.run()))
        save_checkpoint(folder, experiment)

    with tempfile.TemporaryDirectory() as name:
        for number, each in enumerate(configs):
            save(Path(name) / str(number) / "x", each)
        seeds = [
            (Path(name) / str(number) / "checkpoint.safetensors").read_bytes()
            for number in range(len(configs))
        ]
        beside = {
            file: (Path(name) / "0" / file).read_bytes()
            for file in ("config.toml", "records.jsonl")
        }

    fresh = [Experiment.from_config(each) for each in configs]

    def read(path: Path) -> None:
        folder = RunFolder(path.parent)
        load_weights(folder, fresh[0])
        for experiment in fresh:
            try:
                load_checkpoint(folder, experiment)
            except ValueError:
                if experiment is fresh[-1]:
                    raise
                continue
            trainer = experiment.trainer
            epochs = min(trainer.epoch, 1) + 1
            trainer.params = dataclasses.replace(trainer.params, epochs=epochs)
            next(iter(trainer.run()), None)  # a restored run must be able to go on
            return

    ways = (mutations.safetensors_header, mutations.safetensors_header, mutations.blind)
    words = (b"Adam", b"exp_avg", b"F32", b"F64", b"I64", b"BF16")
    return Reader(seeds, read, ways, words, "checkpoint.safetensors", beside)


def config() -> Reader:
    """Return the reader of the configuration of a run, TOML."""
    from biograd.runs.config_files import config_toml, read_config
    from biograd.runs.presets import PRESETS

    seeds = [config_toml(PRESETS[name]).encode() for name in ("mnist", "mnist-online")]
    seeds.append(b'preset = "mnist"\nhidden = [32, 16]\nlr = 2e-3\n[sleep]\nrate = 0.1\n')
    words = (
        *(b"[a.b.c]", b"[[a]]", b"a.b.c = 1", b"inf", b"nan", b"1979-05-27T07:32:00Z"),
        *(b"'''", b'"""', b"[[[[[[[[" * 200, b"0x" + b"f" * 400),
    )
    ways = (mutations.in_text, mutations.in_text, mutations.blind)
    return Reader(seeds, read_config, ways, words, "config.toml")


def _lines(*objects: object) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in objects)


def record_lines() -> Reader:
    """Return the reader of records, one JSON object per line; an append repairs the end."""
    from biograd.runs import records

    epoch = {
        "format": 1,
        "kind": "epoch",
        "epoch": 1,
        "train_accuracy": 0.5,
        "spikes_per_neuron": [1.0, 2.0],
        "machine": "é",
    }
    run = {"format": 1, "kind": "run", "test_accuracy": None, "run": "runs/mnist"}

    def read(path: Path) -> None:
        records.read_counting(path)
        records.append(path, {"kind": "run"})
        records.read(path)

    return Reader(
        [_lines(epoch, epoch | {"epoch": 2}, run), _lines(run)],
        read,
        (mutations.in_text, mutations.blind),
        name="records.jsonl",
    )


def measurements() -> Reader:
    """Return the reader of benchmark results: finished ones, their summary and comparison."""
    from benchmarks import runner, summary
    from biograd.runs import records

    folder = Path(__file__).parents[2] / "benchmarks" / "results"
    seeds = [
        b"".join(file.read_bytes().splitlines(keepends=True)[:2])
        for file in sorted(folder.glob("*.jsonl"))
    ]

    def read(path: Path) -> None:
        results = records.read(path)
        runner.finished(path)
        summary.summary(results)
        summary.compare(results, results)

    words = (b'"results": {}', b'"results": 7', b'"part": 0', b'"last": true')
    return Reader(seeds, read, (mutations.in_text, mutations.blind), words, "m.jsonl")
