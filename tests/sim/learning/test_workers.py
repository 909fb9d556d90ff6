"""Several workers train the network that one would have trained."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from biograd.feedback import RandomDFA
from biograd.learning.learner import LocalLearner
from biograd.learning.shared_learner import SharedLearner, part_of
from biograd.learning.workers import Workers, joined
from biograd.network import Network
from biograd.rules import Update
from biograd.training.learners import Learner, SleepsOnce

# A thread of gloo that outlives its group may abort the process as the interpreter ends.
PROGRAM = """
import atexit, os, sys, torch
from biograd.feedback import SleepAligned
from biograd.learning.learner import LocalLearner
from biograd.network import Network
from biograd.sleep import SleepParams
from biograd.data.samples import Batch
from biograd.training.trainer import Trainer, TrainParams
from biograd.learning.shared_learner import SharedLearner
from biograd.learning.workers import joined

def threads_of_gloo():
    names = [open(f"/proc/self/task/{n}/comm").read() for n in os.listdir("/proc/self/task")]
    return [name.strip() for name in names if "gloo" in name]

if os.path.isdir("/proc/self/task"):
    atexit.register(lambda: print("left at exit:", threads_of_gloo(), file=sys.stderr))
torch.set_num_threads(1)
seeded = lambda seed: torch.Generator().manual_seed(seed)
x = torch.randint(0, 256, (91, 5, 5), generator=seeded(0), dtype=torch.uint8)
images = Batch(x, torch.arange(91) % 4)
with joined("cpu") as workers:
    net = Network((25, 70, 12, 4), RECURRENT generator=seeded(1))
    feedback = SleepAligned(net, generator=seeded(2 + workers.rank))  # another start in each
    local = LocalLearner(net, feedback)
    learner = local if workers.count == 1 else SharedLearner(local, workers, overlap=OVERLAP)
    trainer = Trainer(
        learner, torch.optim.SGD(net.parameters(), lr=1e-2), images, test_set=images,
        params=TrainParams(epochs=2, batch=20, steps=12),
        sleep=SleepParams(every=3, phases=1, first_night=2, steps=50),
    )
    last = workers.rank == workers.count - 1
    def on_batch(p):
        AT_BATCH
        return workers.stop_together(STOP and last and p.epoch == 1 and p.batch >= 2)
    records = list(trainer.run(on_batch=on_batch))
    assert workers.broadcast(b"first" if workers.first else b"") == b"first"
    result = {
        "net": net.state_dict(), "feedback": feedback.state_dict(),
        "accuracy": records[0]["train_accuracy"], "place": (trainer.epoch, trainer.batch),
    }
    torch.save(result, sys.argv[1] + str(workers.rank))
"""


def program(
    *, stop: bool = False, overlap: bool = True, recurrent: bool = False, at_batch: str = "pass"
) -> str:
    values = {
        "RECURRENT": "recurrent=True," if recurrent else "",
        "OVERLAP": str(overlap),
        "STOP": str(stop),
        "AT_BATCH": at_batch,
    }
    return re.sub("|".join(values), lambda name: values[name.group()], PROGRAM)


def run(folder: Path, workers: int, text: str) -> list[dict]:
    """Results of all workers, started by torchrun; of one, started alone."""
    (folder / "program.py").write_text(text)
    results = folder / str(workers)
    results.mkdir(exist_ok=True)
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(workers)]
    process = subprocess.run(
        [sys.executable, *(launcher if workers > 1 else []), "program.py", f"{workers}/"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert process.returncode == 0, process.stderr[-3000:]
    assert not re.search("left at exit: [^\n]*gloo", process.stderr)
    return [torch.load(results / str(rank), weights_only=True) for rank in range(workers)]


@pytest.mark.slow
def test_three_workers_learn_what_one_does_sleep_once_and_stop_together(tmp_path: Path) -> None:
    text = program(stop=True)
    (alone,), together = run(tmp_path, 1, text), run(tmp_path, 3, text)
    # all stop one batch after the first request
    assert alone["place"] == (1, 2) and all(worker["place"] == (1, 3) for worker in together)
    for worker in together:
        for part in ("net", "feedback"):
            for name, value in worker[part].items():
                same = torch.equal(value, together[0][part][name])
                assert same, f"workers differ in {part}.{name}"
        assert worker["accuracy"] == alone["accuracy"]


@pytest.mark.slow
@pytest.mark.parametrize("recurrent", [False, True])  # by events, and by pure steps
def test_the_weights_are_those_of_one_worker(recurrent: bool, tmp_path: Path) -> None:
    text = program(recurrent=recurrent)
    (alone,), together, again = (run(tmp_path, workers, text) for workers in (1, 2, 2))
    late = run(tmp_path, 2, program(recurrent=recurrent, overlap=False))
    for name, value in alone["net"].items():
        for other in (again, late):  # the same number of workers: the same bits
            assert torch.equal(other[0]["net"][name], together[0]["net"][name])
        # float32 sums in another order; the largest weights are about 1
        torch.testing.assert_close(together[0]["net"][name], value, rtol=1e-4, atol=1e-5)


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


@contextmanager
def started_without_torchrun(
    folder: Path, workers: int, text: str
) -> Iterator[list[subprocess.Popen]]:
    """Workers with torchrun's variables, without its watch over them."""
    (folder / "program.py").write_text(text)
    (folder / "results").mkdir()
    address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    processes = [
        subprocess.Popen(
            [sys.executable, "program.py", "results/"],
            cwd=folder,
            env=os.environ | address | {"WORLD_SIZE": str(workers), "RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(workers)
    ]
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.communicate()


@pytest.mark.slow
def test_when_a_worker_is_killed_the_others_end_within_seconds_and_say_so(tmp_path: Path) -> None:
    kill = "if p.batch == 3 and workers.rank == 1: os.kill(os.getpid(), 9)"
    with started_without_torchrun(tmp_path, 3, program(at_batch=kill)) as (first, second, third):
        second.communicate(timeout=100)
        assert second.returncode == -signal.SIGKILL
        start = time.monotonic()
        for rank, worker in ((0, first), (2, third)):
            stderr = worker.communicate(timeout=30)[1]
            assert worker.returncode == 1
            lost = (
                rf"ConnectionError: worker {rank} of 3 has lost the others \([^/\n]*\): a worker "
            )
            assert re.search(lost + "has ended; start all of them again, with --resume", stderr)
            assert not re.search("left at exit: [^\n]*gloo", stderr)
        assert time.monotonic() - start < 10


COMMAND = """
import os, sys
import numpy as np, torch
from biograd.data import datasets
from biograd.commands.cli import main

def few_digits(root, split, progress):
    with np.load(sys.argv[2], allow_pickle=False) as file:
        x, y = torch.from_numpy(file[f"{split}_x"]), torch.from_numpy(file[f"{split}_y"])
    return datasets.ImageSet("mnist", split, x, y.long(), 10)

datasets.DATASETS["mnist"] = few_digits
flags = ["--hidden", "20", "--batch", "50", "--threads", "1", "--quiet", "--json"]
flags += ["--sleep.first-night", "5", "--sleep.every", "5"]
sys.exit(main(["train", "--epochs", "1", *flags, "--resume", "--out", sys.argv[1]]))
"""
IMAGES = Path(__file__).parents[2] / "mnist_test_images.npz"


@pytest.mark.slow
def test_the_command_trains_with_two_workers_and_one_of_them_prints(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(COMMAND)
    summaries = []
    for workers, folder in ((1, "one"), (2, "two"), (2, "two")):
        launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(workers)]
        command = [sys.executable, *launcher, "program.py", folder, str(IMAGES)]
        process = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100)
        assert process.returncode == 0, process.stderr[-3000:]
        (line,) = process.stdout.splitlines()
        summaries.append(json.loads(line))
    alone, together, again = summaries
    assert again == {**together, "format": 1}  # the run was finished already
    assert alone["test_accuracy"] == pytest.approx(together["test_accuracy"], abs=0.01)
    assert alone["samples"] == together["samples"] == 700


class Sink:
    """Buffers of its own for every layer, and the order in which they were written."""

    def __init__(self, net: Network) -> None:
        self.buffers = [
            Update(*(torch.full_like(w, torch.nan) for w in layer.parameters()))
            for layer in net.layers
        ]
        self.written: list[int] = []

    def update_buffers(self, index: int) -> Update:
        return self.buffers[index]

    def on_update(self, index: int) -> None:
        self.written.append(index)


@pytest.mark.parametrize("way", ["dense loops", "loops over maps", "pure steps"])
def test_updates_are_written_into_the_buffers_of_a_sink_layer_by_layer(way: str) -> None:
    def seeded(seed: int) -> torch.Generator:
        return torch.Generator().manual_seed(seed)

    recurrent, order = way != "dense loops", "online" if way == "pure steps" else "layer"
    net = Network((12, 9, 7, 3), recurrent=recurrent, generator=seeded(0))
    learner = LocalLearner(net, RandomDFA(net, generator=seeded(1)), order=order)
    assert learner.by_events == (order == "layer")
    spikes = (torch.rand(8, 10, 12, generator=seeded(2)) < 0.5).float()
    labels = torch.arange(10) % 3
    learner.step(spikes, labels)
    expected = [w.grad.clone() for w in net.parameters()]
    assert any(bool(gradient.any()) for gradient in expected)
    learner.update_sink = sink = Sink(net)
    learner.step(spikes, labels)
    assert sink.written == [0, 1, 2]
    buffers = [buffer for update in sink.buffers for buffer in update if buffer is not None]
    for w, buffer, gradient in zip(net.parameters(), buffers, expected, strict=True):
        assert w.grad is buffer and torch.equal(buffer, gradient)


def test_a_shared_learner_is_one_that_a_trainer_knows() -> None:
    net = Network((4, 3, 2))
    first = SharedLearner(LocalLearner(net, RandomDFA(net)), Workers(rank=0, count=2))
    second = SharedLearner(LocalLearner(net, RandomDFA(net)), Workers(rank=1, count=2))
    assert isinstance(first, Learner) and isinstance(first, SleepsOnce)
    assert first.sleeps_here and not second.sleeps_here


@pytest.mark.parametrize(("batch", "count"), [(100, 3), (2, 3), (7, 7)])
def test_workers_share_a_batch_without_gap_or_overlap(batch: int, count: int) -> None:
    parts = [range(batch)[part_of(batch, rank, count)] for rank in range(count)]
    assert [sample for part in parts for sample in part] == list(range(batch))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_alone_a_wish_to_stop_is_followed_at_once() -> None:
    with joined("cpu") as workers:
        assert (workers.count, workers.first) == (1, True)
        assert workers.stop_together(True) and not workers.stop_together(False)
        assert workers.broadcast(b"x") == b"x"
    assert not Workers(rank=1, count=2).first


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"WORLD_SIZE": "two"}, r"\$WORLD_SIZE is 'two'; need a whole number, as torchrun sets it"),
        (
            {"WORLD_SIZE": "2"},
            "WORLD_SIZE is 2 and RANK None: start workers by torchrun, which sets both",
        ),
        ({"WORLD_SIZE": "2", "RANK": "2"}, "WORLD_SIZE is 2 and RANK '2'"),
    ],
)
def test_variables_that_contradict_each_other_are_refused(
    variables: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("WORLD_SIZE", "RANK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=message), joined("cpu"):
        pass


def test_a_worker_without_a_gpu_of_its_own_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"WORLD_SIZE": "3", "RANK": "2", "LOCAL_RANK": "2"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    message = r"worker 2 has no GPU: it is worker 2 of its machine, which has 2: start one worker"
    with pytest.raises(ValueError, match=message), joined("cuda"):
        pass
