"""Recordings from the command line, end to end: N-MNIST's files written byte by byte, trained on,
exported, deployed, reported.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from biograd.data import datasets
from biograd.data.events.simulated import NAME
from biograd.runs import records

FLAGS = [
    *("--encoder", "events", "--steps", "6", "--hidden", "40", "--epochs", "3", "--batch", "10"),
    *("--lr", "5e-3", "--threads", "1", "--sleep.first-night", "10", "--sleep.steps", "100"),
]
PICTURES = {
    *("learning_curve", "feedback_angles", "raster"),
    *("compartments", "receptive_fields", "confusion"),
}


def a_copy(folder: Path, per_class: int = 20) -> Path:
    """N-MNIST's folders: class c is a bar of ON events in columns 3 c .. 3 c + 2, that passes from
    top to bottom in 300 ms.
    """
    rng = np.random.default_rng(0)
    for part, count in (("Train", per_class), ("Test", 6)):
        for label in range(10):
            (folder / part / str(label)).mkdir(parents=True)
            for k in range(count):
                number = label * count + k + 1
                times = np.sort(rng.integers(0, 300_000, 60)).tolist()
                x = (3 * label + rng.integers(0, 3, 60)).tolist()
                words = [
                    column << 32 | t * 34 // 300_000 << 24 | 1 << 23 | t
                    for column, t in zip(x, times, strict=True)
                ]
                raw = b"".join(word.to_bytes(5, "big") for word in words)
                (folder / part / str(label) / f"{number:05d}.bin").write_bytes(raw)
    return folder


@pytest.mark.slow
def test_a_copy_of_n_mnist_goes_all_the_way(tmp_path, biograd):
    folder, copy = tmp_path / "run", a_copy(tmp_path / "copy")
    data = ["--dataset", "nmnist", "--data-folder", copy]
    trained = biograd("train", *data, *FLAGS, "--out", folder, "--json")
    assert trained.code == 0, trained.err
    accuracy = trained.result["test_accuracy"]
    assert trained.result["samples"] == 600 and accuracy > 0.9  # chance is 0.1
    assert "2312-40-10, T = 6, 200 nmnist recordings" in trained.err
    for suffix in ("svg", "png"):
        assert {path.stem for path in (folder / "pictures").glob(f"*.{suffix}")} == PICTURES

    evaluated = biograd("evaluate", folder, "--json")
    assert evaluated.code == 0 and evaluated.result["test_accuracy"] == accuracy
    assert "60 recordings of nmnist" in evaluated.err
    assert biograd("export", folder).code == 0
    deployed = biograd("deploy", folder / "model.nir", "--json")  # finds the data of the run
    assert deployed.code == 0, deployed.err
    assert deployed.result["samples"] == 60
    assert abs(deployed.result["test_accuracy"] - accuracy) < 0.06
    assert (folder / "pictures" / "core_map.svg").exists()
    assert records.read(folder / "records.jsonl")[-1]["name"] == "deploy emulator"
    reported = biograd("report", folder, "--json")
    assert reported.code == 0 and "</html>" in (folder / "report.html").read_text(), reported.err


@pytest.mark.parametrize(
    ("flags", "message"),
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
                *("--dataset", "nmnist", "--encoder", "events", "--data-folder", "COPY"),
                *("--augment.elastic", "1"),
            ],
            "not bent: set elastic to 0",
        ),
    ],
)
def test_flags_that_do_not_fit_together_are_one_line(
    flags, message, mnist, tmp_path, biograd, monkeypatch
):
    monkeypatch.setenv("BIOGRAD_DATA", str(tmp_path / "empty"))
    words = [a_copy(tmp_path / "copy", 1) if word == "COPY" else word for word in flags]
    small = ["--hidden", "8", "--epochs", "1", "--sleep.first-night", "10", "--sleep.steps", "100"]
    refused = biograd("train", *words, "--out", tmp_path / "run", *small)
    assert refused.code == 2 and refused.err.startswith("biograd: ") and message in refused.err
    assert refused.err.count("biograd: ") == 1


def test_a_model_of_recordings_is_not_run_on_images(mnist, tmp_path, biograd, monkeypatch):
    copy, folder = a_copy(tmp_path / "copy", 3), tmp_path / "run"
    data = ["--dataset", "nmnist", "--data-folder", copy]
    flags = [*FLAGS, "--epochs", "1", "--quiet", "--out", folder]
    assert biograd("train", *data, *flags).code == 0
    assert biograd("export", folder, "-o", tmp_path / "elsewhere.nir").code == 0
    monkeypatch.setitem(datasets.DATASETS, "nmnist", datasets.DATASETS["mnist"])
    refused = biograd("deploy", tmp_path / "elsewhere.nir", "--data-folder", copy)
    message = "mnist holds images and the model was trained with encoder 'events'"
    assert refused.code == 2 and message in refused.err
    refused = biograd("learn", "--dataset", NAME)
    message = "is a set of recordings, and this works on images: name one of mnist, fashion"
    assert refused.code == 2 and f"{NAME} {message}" in refused.err


def test_recordings_whose_clock_does_not_start_at_zero_are_refused(tmp_path, biograd):
    copy = a_copy(tmp_path / "copy", per_class=1)
    for path in copy.rglob("*.bin"):
        mark = bytes([0, 240, 0, 0, 0])  # the clock wraps 50 times before the first event
        path.write_bytes(mark * 50 + path.read_bytes())
    flags = ["--dataset", "nmnist", "--data-folder", copy, *FLAGS, "--out", tmp_path / "run"]
    refused = biograd("train", *flags)
    assert refused.is_one_line and "lie after the window of 315,000 us" in refused.err
    assert "subtract each recording's first time" in refused.err


@pytest.mark.slow
@pytest.mark.filterwarnings("default::UserWarning")  # of what is skipped
def test_bad_recordings_are_named_or_skipped_by_every_command(tmp_path, biograd):
    copy = a_copy(tmp_path / "copy", per_class=2)
    for name in ("Train/4/00009.bin", "Test/0/00001.bin"):
        (copy / name).write_bytes(b"?")
    data = ["--dataset", "nmnist", "--data-folder", copy]
    flags = [*data, *FLAGS, "--epochs", "1", "--out", tmp_path / "run", "--quiet", "--json"]
    named = biograd("train", *flags)
    assert named.code == 2 and "4/00009.bin holds 1 bytes" in named.err
    assert "--skip-bad" in named.err
    trained = biograd("train", *flags, "--skip-bad")
    assert trained.code == 0 and trained.result["samples"] == 19, trained.err
    for part in ("1 of 20", "1 of 60"):
        line = f"biograd: note: {part} recordings of nmnist cannot be read and are skipped: "
        assert sum(said.startswith(line) for said in trained.err.splitlines()) == 1
    assert biograd("evaluate", tmp_path / "run").code == 0  # as the run's configuration says
    counted = biograd("data", "nmnist", *data[2:], "--statistics", "--skip-bad", "--json")
    assert counted.code == 0 and counted.result["datasets"] == {"nmnist": {"train": 19, "test": 59}}
    assert biograd("data", "nmnist", *data[2:], "--statistics").code == 2
    assert biograd("export", tmp_path / "run").code == 0
    deployed = biograd("deploy", tmp_path / "run/model.nir", "--json")
    assert deployed.code == 0 and deployed.result["samples"] == 59, deployed.err


@pytest.mark.slow
@pytest.mark.filterwarnings("default::UserWarning")  # of what is skipped
def test_a_copy_that_went_bad_after_training_is_measured_on_request(tmp_path, biograd):
    copy, run = a_copy(tmp_path / "copy", per_class=1), tmp_path / "run"
    data = ["--dataset", "nmnist", "--data-folder", copy]
    trained = biograd("train", *data, *FLAGS, "--epochs", "1", "--out", run, "--quiet")
    assert trained.code == 0, trained.err
    (copy / "Test/1/00007.bin").write_bytes(b"?")
    for command in ("evaluate", "export", "deploy"):
        refused = biograd(command, run)
        assert refused.code == 2 and "1/00007.bin holds 1 bytes" in refused.err
        measured = biograd(command, run, "--skip-bad", "--json")
        assert measured.code == 0 and measured.result["samples"] == 59, measured.err


def test_a_run_whose_data_are_missing_leaves_its_folder_free(tmp_path, biograd):
    flags = ["--dataset", "nmnist", *FLAGS, "--epochs", "1", "--out", tmp_path / "run", "--quiet"]
    refused = biograd("train", *flags, "--data-folder", tmp_path / "nowhere")
    assert refused.is_one_line and not (tmp_path / "run/config.toml").exists()
    copy = a_copy(tmp_path / "copy", per_class=1)
    trained = biograd("train", *flags, "--data-folder", copy)
    assert trained.code == 0, trained.err
