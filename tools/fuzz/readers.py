"""The readers under test, each with a few small whole files to start from.

A new reader is a function that returns a `Reader`, and a line in `READERS` (and in
`__main__.NAMES`, which imports nothing heavy).
"""

from __future__ import annotations

import dataclasses
import gzip
import io
import pickle
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import mutations
import numpy as np


@dataclass
class Reader:
    """One reader, the files it starts from, and the ways to damage them (a way named twice is taken
    twice as often).
    """

    seeds: list[bytes]
    read: Callable[[Path], object]
    mutations: Sequence[Callable] = (mutations.blind,)
    words: Sequence[bytes] = ()  # that mean something to this reader
    name: str = "input"  # of the file that is read
    beside: dict[str, bytes] = field(default_factory=dict)  # other files of its folder

    def put(self, folder: Path, content: bytes) -> Path:
        """Write an input; returns what to give to `read`."""
        for name, other in self.beside.items():
            (folder / name).write_bytes(other)
        path = folder / self.name
        path.write_bytes(content)
        return path


def written(write: Callable[[Path], object], name: str = "seed") -> bytes:
    """The bytes that `write` puts into a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        write(path)
        return path.read_bytes()


def _models():
    from hardware.border.model import LayerModel, Model

    rng = np.random.default_rng(0)
    hidden = LayerModel(
        w=rng.normal(size=(4, 3)),
        bias=rng.normal(size=4),
        w_fb=rng.normal(size=(4, 2)),
        alpha_a=0.3,
    )
    output = LayerModel(w=rng.normal(size=(2, 4)), bias=np.zeros(2))
    return Model(layers=(hidden, output), steps=5, info={"seed": 1}), Model(
        layers=(LayerModel(w=np.eye(2), bias=np.zeros(2)),), steps=3
    )


def model() -> Reader:
    """NIR in HDF5."""
    from hardware.border.files import read_model, write_model

    words = (
        b"Affine",
        b"CubaLIF",
        b"Linear",
        b"Conv2d",
        b"LI",
        b"NIRGraph",
        b"biograd",
        b"HDF\r\n\x1a\n",
        b"TREE",
        b"SNOD",
        b"HEAP",
        b"GCOL",
    )
    return Reader(
        [written(lambda path, m=m: write_model(m, path)) for m in _models()],
        read_model,
        words=words,
        name="model.nir",
    )


def foreign() -> Reader:
    """NIR as other tools write it."""
    import nir

    from hardware.border.files import read_model
    from hardware.border.nir_foreign import Foreign

    ones = np.ones(3, dtype=np.float32)
    lif = nir.LIF(tau=ones * 2e-3, r=ones * 20, v_leak=0 * ones, v_threshold=ones)
    cuba = nir.CubaLIF(
        tau_syn=ones * 2e-3,
        tau_mem=ones * 4e-3,
        r=ones * 40,
        v_leak=0 * ones,
        v_threshold=ones,
        w_in=ones * 20,
    )
    linear, affine = nir.Linear(weight=np.eye(3, 4)), nir.Affine(weight=np.eye(3, 4), bias=ones)
    seeds = []
    for first, second in ((linear, lif), (affine, cuba)):
        nodes = {
            "input": nir.Input(np.array([4])),
            "0": first,
            "1": second,
            "output": nir.Output(np.array([3])),
        }
        graph = nir.NIRGraph(nodes=nodes, edges=[("input", "0"), ("0", "1"), ("1", "output")])
        seeds.append(written(lambda path, graph=graph: nir.write(path, graph), "g.nir"))
    words = (
        b"Affine",
        b"CubaLIF",
        b"Linear",
        b"Conv2d",
        b"Flatten",
        b"Scale",
        b"Delay",
        b"TREE",
        b"SNOD",
        b"HEAP",
        b"GCOL",
    )
    return Reader(
        seeds,
        lambda path: read_model(path, foreign=Foreign(steps=5)),
        words=words,
        name="foreign.nir",
    )


def spikes() -> Reader:
    """Encoded samples, .npz."""
    from hardware.border.files import read_spikes, write_spikes
    from hardware.border.model import SpikeInput

    some = SpikeInput(
        spikes=np.random.default_rng(0).random((4, 3, 5)) < 0.4, labels=np.array([0, 2, 1])
    )
    plain = io.BytesIO()
    np.savez(plain, spikes=some.spikes.astype(np.uint8))
    seeds = [written(lambda path: write_spikes(some, path), "s.npz"), plain.getvalue()]
    return Reader(seeds, read_spikes, _ZIP, name="spikes.npz")


def result() -> Reader:
    """The result of a run on a target, .npz."""
    from hardware.border.files import read_result, write_result
    from hardware.border.model import SpikeInput
    from hardware.fixed_point import quantise
    from hardware.targets import run

    net = quantise(_models()[0])
    some = SpikeInput(spikes=np.ones((5, 2, 3)))
    seeds = [
        written(lambda path, r=r: write_result(run(net, some, "emulator", record=r), path))
        for r in ("", "uvs")
    ]
    return Reader(seeds, read_result, _ZIP, name="result.npz")


def fixed() -> Reader:
    """A model in the chip's integers, .npz."""
    from hardware.fixed_point import quantise, read_fixed, write_fixed

    return Reader(
        [written(lambda path, m=m: write_fixed(quantise(m), path)) for m in _models()],
        read_fixed,
        _ZIP,
        name="fixed.npz",
    )


def learning() -> Reader:
    """What a learning chip remembers, .npz."""
    from hardware.learning.params import ChipLearningParams
    from hardware.learning.state import read_state, start, write_state

    params = ChipLearningParams(sizes=(5, 4, 3), samples=10)
    seeds = [
        written(lambda path: write_state(start(params), path)),
        written(lambda path: write_state(start(_unsigned(params)), path)),
    ]
    return Reader(seeds, read_state, (*_ZIP, _inside_params), name="learning.npz")


def _unsigned(params):
    return dataclasses.replace(params, traces="unsigned", feedback="random")


def _inside_params(rng, content, others, words):
    """Another number among the parameters of a learning chip."""
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        arrays = dict(file)
    name = rng.choice(("params", "params", "info"))
    arrays[name] = np.array(
        mutations.in_text(rng, str(arrays[name]).encode(), [], words).decode("utf-8", "replace")
    )
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


def checkpoint() -> Reader:
    """A run folder: checkpoint, configuration and records as they stand in it, taken up again."""
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
        for number, one in enumerate(configs):
            save(Path(name) / str(number) / "x", one)
        seeds = [
            (Path(name) / str(number) / "checkpoint.safetensors").read_bytes()
            for number in range(len(configs))
        ]
        beside = {
            file: (Path(name) / "0" / file).read_bytes()
            for file in ("config.toml", "records.jsonl")
        }

    fresh = [Experiment.from_config(one) for one in configs]

    def read(path: Path) -> None:
        folder = RunFolder(path.parent)
        load_weights(folder, fresh[0])
        for experiment, one in zip(fresh, configs, strict=True):
            try:
                load_checkpoint(folder, experiment)
            except ValueError:
                if one is configs[-1]:
                    raise
                continue
            experiment.trainer.params = dataclasses.replace(
                experiment.trainer.params, epochs=min(experiment.trainer.epoch, 1) + 1
            )
            for _ in experiment.trainer.run():  # what was taken up must be able to go on
                break
            return

    ways = (mutations.safetensors_header, mutations.safetensors_header, mutations.blind)
    return Reader(
        seeds,
        read,
        ways,
        (b"Adam", b"exp_avg", b"F32", b"F64", b"I64", b"BF16"),
        "checkpoint.safetensors",
        beside,
    )


def config() -> Reader:
    """The configuration of a run, TOML."""
    from biograd.runs.config_files import config_toml, read_config
    from biograd.runs.presets import PRESETS

    seeds = [config_toml(PRESETS[name]).encode() for name in ("mnist", "mnist-online")]
    seeds.append(b'preset = "mnist"\nhidden = [32, 16]\nlr = 2e-3\n[sleep]\nrate = 0.1\n')
    words = (
        b"[a.b.c]",
        b"[[a]]",
        b"a.b.c = 1",
        b"inf",
        b"nan",
        b"1979-05-27T07:32:00Z",
        b"'''",
        b'"""',
        b"[[[[[[[[" * 200,
        b"0x" + b"f" * 400,
    )
    return Reader(
        seeds,
        read_config,
        (mutations.in_text, mutations.in_text, mutations.blind),
        words,
        "config.toml",
    )


def idx() -> Reader:
    """MNIST's own format, plain and gzipped."""
    from biograd.data.idx import format_idx, read_idx

    images = format_idx(np.random.default_rng(0).integers(0, 256, (3, 4, 5), dtype=np.uint8))
    labels = format_idx(np.arange(9, dtype=np.uint8))
    seeds = [images, labels, gzip.compress(images, mtime=0), gzip.compress(labels, mtime=0)]
    return Reader(
        seeds,
        read_idx,
        (mutations.blind, mutations.blind, mutations.inside_gzip),
        (b"\x1f\x8b\x08",),
    )


def pickled() -> Reader:
    """MNIST out of a wheel: a zip with a gzipped pickle in it."""
    from biograd.data.fetch import mnist_from_wheel

    rng = np.random.default_rng(0)
    parts = tuple(
        (rng.integers(0, 256, (2, 784)).astype(np.float32) / 256, rng.integers(0, 10, 130))
        for _ in range(3)
    )
    seeds = []
    for protocol in (2, 4):
        out = io.BytesIO()
        with mutations.zipfile.ZipFile(out, "w") as archive:
            archive.writestr(
                "mnist/data/mnist.pkl.gz",
                gzip.compress(pickle.dumps(parts, protocol=protocol), mtime=0),
            )
        seeds.append(out.getvalue())
    words = (
        b"cos\nsystem\n(S'touch /tmp/owned'\ntR.",
        b"\x8c\x05posix",
        b"X\xff\xff\xff\x7f",
        b"T\xff\xff\xff\x7f",
        b"\x8e" + b"\xff" * 7 + b"\x7f",
    )
    ways = (mutations.inside_zip, mutations.inside_zip, mutations.blind)
    return Reader(
        seeds,
        lambda path: mnist_from_wheel(path, "mnist/data/mnist.pkl.gz"),
        ways,
        words,
        "mnist.whl",
    )


def _lines(*objects: object) -> bytes:
    import json

    return b"".join(json.dumps(one).encode() + b"\n" for one in objects)


def record_lines() -> Reader:
    """Records: one JSON object per line; what stands after a crash is healed by the next one."""
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
    """Results of benchmarks: the finished ones looked up, summed up, and compared."""
    from benchmarks import suite
    from biograd.runs import records

    here = Path(__file__).parents[2] / "benchmarks" / "results"
    seeds = [
        b"".join(file.read_bytes().splitlines(keepends=True)[:2])
        for file in sorted(here.glob("*.jsonl"))
    ]

    def read(path: Path) -> None:
        found = records.read(path)
        suite.finished(path)
        suite.summary(found)
        suite.compare(found, found)

    return Reader(
        seeds,
        read,
        (mutations.in_text, mutations.blind),
        (b'"results": {}', b'"results": 7', b'"part": 0', b'"last": true'),
        "m.jsonl",
    )


def _few_events():
    from biograd.data.events.recording import Events

    t = np.sort(np.random.default_rng(0).integers(0, 300_000, 40))
    return Events(np.arange(40) % 34, np.arange(40) % 30, np.arange(40) % 2, t)


def _watch(members) -> None:
    """Ask for the spikes of all recordings."""
    import torch

    members.spikes(torch.arange(len(members.y)), 5)


def events() -> Reader:
    """One recording of N-MNIST's five-byte events."""
    from biograd.data.events.nmnist import SENSOR, parse, to_bytes
    from biograd.data.events.recording import checked

    seeds = [to_bytes(_few_events()), b""]
    return Reader(
        seeds,
        lambda path: checked(parse(path.read_bytes(), str(path)), SENSOR, str(path)),
        name="r.bin",
    )


def event_archive() -> Reader:
    """A zip archive of such recordings."""
    from biograd.data.events.nmnist import nmnist, to_bytes

    out = io.BytesIO()
    with mutations.zipfile.ZipFile(out, "w") as archive:
        for label in range(3):
            archive.writestr(f"Train/{label}/0.bin", to_bytes(_few_events()))
    ways = (mutations.inside_zip, mutations.inside_zip, mutations.blind)
    return Reader(
        [out.getvalue()],
        lambda path: _watch(nmnist(path.parent, "train")),
        ways,
        (b"Train/1/0.bin",),
        "Train.zip",
    )


def event_trains() -> Reader:
    """Spike trains in HDF5, as SHD has them."""
    import h5py

    from biograd.data.events.shd import shd

    def write(path: Path, chunks: bool) -> None:
        with h5py.File(path, "w") as file:
            more = {"chunks": (2,), "compression": "gzip"} if chunks else {}
            for name, kind in (("times", np.float32), ("units", np.int32)):
                part = file.create_dataset(
                    f"spikes/{name}", (3,), dtype=h5py.vlen_dtype(kind), **more
                )
                for index in range(3):
                    part[index] = np.sort(np.arange(6, dtype=kind) / (10 if name == "times" else 1))
            file["labels"] = np.array([0, 1, 2], dtype=np.int64)

    seeds = [
        written(lambda path, chunks=chunks: write(path, chunks), "s.h5") for chunks in (False, True)
    ]
    return Reader(
        seeds,
        lambda path: _watch(shd(path, "train")),
        words=(b"TREE", b"SNOD", b"HEAP", b"GCOL"),
        name="shd.h5",
    )


_ZIP = (mutations.inside_zip, mutations.inside_zip, mutations.blind)

READERS: dict[str, Callable[[], Reader]] = {
    "model": model,
    "foreign": foreign,
    "spikes": spikes,
    "result": result,
    "fixed": fixed,
    "learning": learning,
    "checkpoint": checkpoint,
    "config": config,
    "idx": idx,
    "pickle": pickled,
    "records": record_lines,
    "measurements": measurements,
    "events": events,
    "event-archive": event_archive,
    "event-trains": event_trains,
}
