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
from pathlib import Path

import pytest
import torch

from biograd.learning.workers import Workers, joined

PROGRAM = """
import os, sys, time, torch
from biograd.feedback import SleepAligned
from biograd.learning.learner import LocalLearner
from biograd.network import Network
from biograd.sleep import SleepParams
from biograd.data.samples import Batch
from biograd.training.trainer import Trainer, TrainParams
from biograd.learning.workers import SharedLearner, joined

IN_MEMORY = True
torch.set_num_threads(1)
drawn = torch.Generator().manual_seed(0)
digits = Batch(torch.randint(0, 256, (91, 5, 5), generator=drawn, dtype=torch.uint8), torch.arange(91) % 4)
with joined("cpu") as workers:
    net = Network((25, 70, 12, 4), generator=torch.Generator().manual_seed(1))
    own = LocalLearner(net, SleepAligned(net, generator=torch.Generator().manual_seed(2 + workers.rank)))  # another start each
    learner = own if workers.count == 1 else SharedLearner(own, workers, in_memory=IN_MEMORY)
    trainer = Trainer(
        learner, torch.optim.SGD(net.parameters(), lr=1e-2), digits, test_set=digits,
        params=TrainParams(epochs=2, batch=20, steps=12), sleep=SleepParams(every=3, phases=1, first_night=2, steps=50),
    )
    wish = lambda p: workers.stops(workers.rank == workers.count - 1 and p.epoch == 1 and p.batch >= 2)
    records = list(trainer.run(on_batch=wish))
    assert workers.send(b"told" if workers.first else b"") == b"told"
    torch.save({"net": net.state_dict(), "feedback": own.feedback.state_dict(), "records": str(records[0]["train_accuracy"]),
                "place": (trainer.epoch, trainer.batch)}, sys.argv[1] + str(workers.rank))
"""


def run(folder: Path, workers: int, program: str = PROGRAM) -> list[dict]:
    (folder / "program.py").write_text(program)
    (folder / str(workers)).mkdir(exist_ok=True)
    start = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        str(workers),
    ]
    done = subprocess.run(
        [*(start if workers > 1 else [sys.executable]), "program.py", f"{workers}/"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return [
        torch.load(folder / f"{workers}" / str(rank), weights_only=True) for rank in range(workers)
    ]


@pytest.mark.slow
def test_three_workers_learn_what_one_does(tmp_path: Path) -> None:
    (alone,), together = run(tmp_path, 1), run(tmp_path, 3)
    # all hear of a stop one batch later
    assert alone["place"] == (1, 2) and all(worker["place"] == (1, 3) for worker in together)
    for worker in together:
        for part in ("net", "feedback"):
            for name, value in worker[part].items():
                assert torch.equal(value, together[0][part][name]), (
                    f"workers differ in {part}.{name}"
                )
        assert worker["records"] == alone["records"]


@pytest.mark.slow
def test_the_weights_are_those_of_one_worker(tmp_path: Path) -> None:
    whole = PROGRAM.replace("p.epoch == 1 and p.batch >= 2", "False")
    (alone,), together, again = (
        run(tmp_path, 1, whole),
        run(tmp_path, 2, whole),
        run(tmp_path, 2, whole),
    )
    for name, value in alone["net"].items():
        # the same number of workers: the same bits
        assert torch.equal(again[0]["net"][name], together[0]["net"][name])
        torch.testing.assert_close(together[0]["net"][name], value, rtol=1e-4, atol=1e-5)


NO_ROOM = """
from biograd.learning import shared_memory as exchange
def no_room(*_): raise OSError(28, "No space left on device")
exchange._made = no_room
"""


def started(
    folder: Path, program: str, *, machines: int, beside: int, port: int
) -> list[subprocess.Popen]:
    """Workers on several machines, as torchrun numbers them; nobody watches over them."""
    (folder / "program.py").write_text(program)
    (folder / "by hand").mkdir()
    count, common = machines * beside, {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    return [
        subprocess.Popen(
            [sys.executable, "program.py", "by hand/"],
            cwd=folder,
            env=os.environ
            | common
            | {
                "WORLD_SIZE": str(count),
                "RANK": str(rank),
                "LOCAL_RANK": str(rank % beside),
                "LOCAL_WORLD_SIZE": str(beside),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(count)
    ]


def a_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


def shared_files() -> set[str]:
    memory = Path("/dev/shm")
    return {file.name for file in memory.glob("biograd-*")} if memory.is_dir() else set()


@pytest.fixture(scope="module")
def by_gloo(tmp_path_factory: pytest.TempPathFactory) -> list[dict]:
    return run(
        tmp_path_factory.mktemp("gloo"), 2, PROGRAM.replace("IN_MEMORY = True", "IN_MEMORY = False")
    )


@pytest.mark.slow
def test_two_machines_of_two_workers_learn_what_two_workers_by_gloo_do(
    tmp_path: Path, by_gloo: list[dict]
) -> None:
    for worker in started(tmp_path, PROGRAM, machines=2, beside=2, port=a_port()):
        told = worker.communicate(timeout=100)[1]
        assert worker.returncode == 0, told[-3000:]
    together = [
        torch.load(tmp_path / "by hand" / str(rank), weights_only=True) for rank in range(4)
    ]
    for worker in together:
        for name, value in worker["net"].items():
            assert torch.equal(value, together[0]["net"][name]), f"workers differ in {name}"
            torch.testing.assert_close(value, by_gloo[0]["net"][name], rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_without_room_for_shared_memory_workers_go_by_gloo(
    tmp_path: Path, by_gloo: list[dict]
) -> None:
    full = PROGRAM.replace(
        "IN_MEMORY",
        "from biograd import exchange\ndef no_room(*_): raise OSError(28, 'full')\nexchange._made ="
        " no_room\nIN_MEMORY",
        1,
    )
    fallen = run(tmp_path, 2, full)
    for name, value in by_gloo[0]["net"].items():
        assert torch.equal(fallen[0]["net"][name], value) and torch.equal(
            fallen[1]["net"][name], value
        )


@pytest.mark.slow
def test_when_a_worker_is_killed_the_others_end_at_once_and_nothing_is_left(tmp_path: Path) -> None:
    before = shared_files()
    killed = PROGRAM.replace(
        "wish = lambda p: ",
        "wish = lambda p: (p.batch == 3 and workers.rank == 1 and os.kill(os.getpid(), 9)) or ",
    )
    first, second, third = started(tmp_path, killed, machines=1, beside=3, port=a_port())
    second.communicate(timeout=100)
    assert second.returncode == -signal.SIGKILL
    start = time.monotonic()
    for worker in (first, third):
        told = worker.communicate(timeout=30)[1]
        assert worker.returncode == 1
        # 0 may end first
        assert re.search(
            r"ConnectionError: worker [01] of 3 on this machine has ended: start all of them again",
            told,
        )
    assert time.monotonic() - start < 10
    assert shared_files() == before


COMMAND = """
import sys
import numpy as np, torch
from biograd.data import datasets
from biograd.commands.cli import main

def few_digits(root, split, progress):
    with np.load(sys.argv[2], allow_pickle=False) as file:
        x, y = torch.from_numpy(file[f"{split}_x"]), torch.from_numpy(file[f"{split}_y"].astype(np.int64))
    return datasets.ImageSet("mnist", split, x, y, 10)

datasets.DATASETS["mnist"] = few_digits
flags = ["--hidden", "20", "--batch", "50", "--threads", "1", "--sleep.first-night", "5", "--sleep.every", "5", "--quiet", "--json"]
sys.exit(main(["train", "--epochs", "1", *flags, "--resume", "--out", sys.argv[1]]))
"""
IMAGES = Path(__file__).parents[2] / "mnist_test_images.npz"


@pytest.mark.slow
def test_the_command_trains_with_two_workers_and_one_of_them_speaks(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(COMMAND)
    told = []
    for workers, folder in ((1, "one"), (2, "two"), (2, "two")):
        start = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(workers)]
        command = [sys.executable, *start, "program.py", folder, str(IMAGES)]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100)
        assert done.returncode == 0, done.stderr[-3000:]
        (line,) = done.stdout.splitlines()
        told.append(json.loads(line))
    alone, together, again = told
    assert again == {**together, "format": 1}  # all was there already
    assert alone["test_accuracy"] == pytest.approx(together["test_accuracy"], abs=0.01)
    assert alone["samples"] == together["samples"] == 700


def test_alone_a_wish_to_stop_is_followed_at_once() -> None:
    with joined("cpu") as workers:
        assert (workers.count, workers.first) == (1, True)
        assert workers.stops(True) and not workers.stops(False)
        assert workers.send(b"x") == b"x"
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
def test_variables_that_do_not_fit_are_refused(
    variables: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("WORLD_SIZE", "RANK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=message), joined("cpu"):
        pass
