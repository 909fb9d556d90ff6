"""Recordings from the command line, end to end: N-MNIST's files written byte by byte, trained on,
exported, deployed, reported.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from biograd.commands.cli import main
from biograd.data import datasets
from biograd.data.events.simulated import NAME

IMAGES = Path(__file__).parents[2] / "mnist_test_images.npz"
FLAGS = [
    "--encoder",
    "events",
    "--steps",
    "6",
    "--hidden",
    "40",
    "--epochs",
    "3",
    "--batch",
    "10",
    "--lr",
    "5e-3",
    "--threads",
    "1",
]
NIGHTS = ["--sleep.first-night", "10", "--sleep.steps", "100"]


def run(arguments: list[Any], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    code = main([str(word) for word in arguments])
    out, err = capsys.readouterr()
    return code, out, err


def a_copy(folder: Path, n: int = 30) -> Path:
    """N-MNIST's folders: class c is a bar of ON events in columns 3 c .. 3 c + 2, that passes from
    top to bottom in 300 ms.
    """
    rng = np.random.default_rng(0)
    for part, each in (("Train", n), ("Test", 6)):
        for label in range(10):
            (folder / part / str(label)).mkdir(parents=True)
            for k in range(each):
                times = np.sort(rng.integers(0, 300_000, 60))
                rows = [
                    (3 * label + int(rng.integers(0, 3)), int(t * 34 // 300_000), 1, int(t))
                    for t in times
                ]
                raw = b"".join(
                    (x << 32 | y << 24 | p << 23 | t).to_bytes(5, "big") for x, y, p, t in rows
                )
                (folder / part / str(label) / f"{label * each + k + 1:05d}.bin").write_bytes(raw)
    return folder


@pytest.mark.slow
def test_a_copy_of_n_mnist_goes_all_the_way(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy, folder = a_copy(tmp_path / "copy"), tmp_path / "run"
    code, out, err = run(
        [
            "train",
            "--dataset",
            "nmnist",
            "--data-folder",
            copy,
            *FLAGS,
            *NIGHTS,
            "--out",
            folder,
            "--json",
        ],
        capsys,
    )
    assert code == 0, err
    result = json.loads(out)
    assert result["samples"] == 900 and result["test_accuracy"] > 0.9  # chance is 0.1
    assert "2312-40-10, T = 6, 300 nmnist recordings" in err
    drawn = {path.stem for path in (folder / "pictures").glob("*.svg")}
    assert drawn == {
        "learning_curve",
        "feedback_angles",
        "raster",
        "compartments",
        "receptive_fields",
        "confusion",
    }

    code, out, err = run(["evaluate", folder, "--json"], capsys)
    assert (
        code == 0
        and json.loads(out)["test_accuracy"] == result["test_accuracy"]
        and "60 recordings of nmnist" in err
    )
    assert run(["export", folder], capsys)[0] == 0
    # finds the data where the run found them
    code, out, err = run(["deploy", folder / "model.nir", "--json"], capsys)
    assert code == 0, err
    deployed = json.loads(out)
    assert (
        deployed["samples"] == 60
        and abs(deployed["test_accuracy"] - result["test_accuracy"]) < 0.06
    )
    code, out, err = run(["report", folder, "--json"], capsys)
    assert code == 0 and "</html>" in (folder / "report.html").read_text(), err


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--dataset", "nmnist"], "there is no copy of nmnist in"),
        (
            ["--dataset", "nmnist", "--encoder", "latency", "--data-folder", "COPY"],
            "encoder is 'latency' and nmnist holds recordings",
        ),
        (
            ["--dataset", "mnist", "--encoder", "events"],
            "encoder is 'events' and mnist holds images",
        ),
        (
            [
                "--dataset",
                "nmnist",
                "--encoder",
                "events",
                "--data-folder",
                "COPY",
                "--augment.elastic",
                "1",
            ],
            "not bent: set elastic to 0",
        ),
    ],
)
def test_what_does_not_fit_together_is_one_line(
    flags: list[str],
    said: str,
    mnist: None,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BIOGRAD_DATA", str(tmp_path / "empty"))
    flags = [str(a_copy(tmp_path / "copy", 1)) if word == "COPY" else word for word in flags]
    code, _, err = run(
        ["train", *flags, "--out", tmp_path / "run", "--hidden", "8", "--epochs", "1", *NIGHTS],
        capsys,
    )
    assert code == 2 and err.startswith("biograd: ") and said in err and err.count("biograd: ") == 1


def test_a_model_of_recordings_is_not_run_on_images(
    mnist: None, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    copy, folder = a_copy(tmp_path / "copy", 3), tmp_path / "run"
    flags = [*FLAGS, *NIGHTS, "--epochs", "1", "--quiet", "--out", folder]
    assert run(["train", "--dataset", "nmnist", "--data-folder", copy, *flags], capsys)[0] == 0
    assert run(["export", folder, "-o", tmp_path / "elsewhere.nir"], capsys)[0] == 0
    monkeypatch.setitem(datasets.DATASETS, "nmnist", datasets.DATASETS["mnist"])
    code, _, err = run(["deploy", tmp_path / "elsewhere.nir", "--data-folder", copy], capsys)
    assert code == 2 and "mnist holds images and the model was trained with encoder 'events'" in err
    code, _, err = run(["learn", "--dataset", NAME], capsys)
    assert (
        code == 2
        and f"{NAME} is a set of recordings, and this works on images: name one of mnist, fashion"
        in err
    )


def test_data_counts_simulated_recordings_beside_what_is_published(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def mnist(root: Path, split: str, progress: object) -> datasets.ImageSet:
        with np.load(IMAGES, allow_pickle=False) as held:
            return datasets.ImageSet(
                "mnist", split, torch.from_numpy(held["train_x"][:20]), torch.arange(20) % 10, 10
            )

    monkeypatch.setitem(datasets.DATASETS, "mnist", mnist)
    flags = [
        "data",
        NAME,
        "--data-folder",
        tmp_path,
        "--statistics",
        "--as-files",
        tmp_path / "tree",
        "--json",
    ]
    code, out, err = run(flags, capsys)
    assert code == 0, err
    found = json.loads(out)
    assert (
        found["datasets"] == {NAME: {"train": 20, "test": 20}}
        and found["statistics"][NAME]["test"]["events"] > 2000
    )
    assert "simulated recordings" in err and "as published" in err and "not available" in err
    assert len(list((tmp_path / "tree").rglob("*.bin"))) == 40
    code, _, err = run(["data", "mnist", "--as-files", tmp_path / "tree"], capsys)
    assert code == 2 and f"the names are mnist: name {NAME}" in err
