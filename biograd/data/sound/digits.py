"""Free Spoken Digit Dataset: ten digits spoken by six people, 3,000 clips at 8 kHz.

    fsdd            the published split: clips 0 to 4 of each person and digit are the test set
    fsdd-jackson    all clips of one person are the test set, and no other is

Read from a folder `recordings` of wav files, or from the published archive, which is fetched once;
its clips are held against their checksum.
Source: Jackson et al., github.com/Jakobovski/free-spoken-digit-dataset, CC BY-SA 4.0.
"""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
import urllib.request
from functools import partial
from pathlib import Path

from ...files import atomic_write, printable
from ..fetch import CHUNK, TIMEOUT, Progress
from ..verified_files import DataError, expect_space
from .clips import Clip, SoundSet

COMMIT = "26eb9aa"
URL = f"https://github.com/Jakobovski/free-spoken-digit-dataset/archive/{COMMIT}.tar.gz"
ARCHIVE = "free-spoken-digit-dataset.tar.gz"
CLIPS, BYTES = 3000, 22_000_000  # of the published set; more bytes than its clips have
# of the sorted names and the MD5 of each clip, see `_digest`. The archive itself is packed anew
# for each download, so its own checksum is not fixed
SHA256 = "e464e53f39ae981de448b3836b478a897cd9c256a801276a47962c6d22a6554a"
MAX_PACKED = 64 << 20  # bytes of the archive; the real one has 16 MB
SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
TESTED = 5  # clips of each person and digit in the published test set: 0 to 4
_NAME = re.compile(r"([0-9])_([a-z]+)_([0-9]{1,4})\.wav")
NAMING = "DIGIT_SPEAKER_INDEX.wav, e.g. 3_theo_12.wav"


def spoken_digits(root: Path, split: str, progress: Progress, *, held_out: str = "") -> SoundSet:
    """Open the clips of both halves, for `datasets.DATASETS`.

    Args:
        held_out: the person whose clips are the test set; "": the published split.
    Raises: DataError where clips are missing or damaged and cannot be fetched.
    """
    name = f"fsdd-{held_out}" if held_out else "fsdd"
    files = _files(root, progress)
    clips = [_clip(where, content, held_out) for where, content in files.items()]
    return SoundSet(
        clips=clips,
        classes=[str(digit) for digit in range(10)],
        name=name,
        split=split,
        naming=NAMING,
    )


def _files(root: Path, progress: Progress) -> dict[str, bytes]:
    """Return the bytes of all clips by name: of a folder, or of the archive."""
    for folder in (root / "fsdd" / "recordings", root / "recordings", root / "fsdd"):
        paths = sorted(folder.glob("*.wav")) if folder.is_dir() else []
        if paths:
            return {str(path): path.read_bytes() for path in paths}
    for path in (root / "fsdd" / ARCHIVE, root / ARCHIVE):
        if path.exists():
            return _unpacked(path.read_bytes(), str(path))
    path = root / "fsdd" / ARCHIVE
    content = _fetched(path, progress)
    files = _unpacked(content, URL)
    atomic_write(path, content)
    return files


def _fetched(path: Path, progress: Progress) -> bytes:
    expect_space(path.parent, MAX_PACKED)
    packed = io.BytesIO()
    try:
        with urllib.request.urlopen(URL, timeout=TIMEOUT) as answer:
            total = int(answer.headers.get("Content-Length") or 0)
            while (chunk := answer.read(CHUNK)) and packed.tell() <= MAX_PACKED:
                packed.write(chunk)
                progress(ARCHIVE, packed.tell(), total)
    except OSError as error:
        raise DataError(
            f"the spoken digits cannot be fetched from {URL} ({printable(error)}): put their folder"
            f" 'recordings' into {path.parent}, or name the folder that holds it (--data-folder,"
            " $BIOGRAD_DATA)"
        ) from error
    return packed.getvalue()


def _unpacked(content: bytes, where: str) -> dict[str, bytes]:
    """Return the clips of the archive, once they are known to be the published ones."""
    files: dict[str, bytes] = {}
    left = BYTES
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
            for member in archive:
                path = Path(member.name)
                if path.parent.name == "recordings" and path.suffix == ".wav":
                    left -= member.size
                    opened = archive.extractfile(member) if left > 0 else None
                    files[path.name] = opened.read() if opened else b""
    except (tarfile.TarError, OSError, EOFError, ValueError) as error:
        raise DataError(
            f"{where} is no whole archive ({printable(error)}): delete it, and fetch it again"
        ) from error
    if (digest := _digest(files)) != SHA256:
        raise DataError(
            f"{where} holds {len(files):,} clips with the SHA-256 {digest}; the published set has"
            f" {CLIPS:,} and {SHA256}: delete it, and fetch it again"
        )
    return files


def _digest(files: dict[str, bytes]) -> str:
    """Return the SHA-256 of lines `MD5 name`, sorted by name."""
    lines = (
        f"{hashlib.md5(content, usedforsecurity=False).hexdigest()} {Path(name).name}\n"
        for name, content in sorted(files.items(), key=lambda item: Path(item[0]).name)
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _clip(where: str, content: bytes, held_out: str) -> Clip:
    parts = _NAME.fullmatch(Path(where).name)
    if parts is None:
        return Clip(where, lambda: content, None)
    digit, speaker, index = parts.groups()
    test = speaker == held_out if held_out else int(index) < TESTED
    return Clip(where, partial(bytes, content), int(digit), test)
