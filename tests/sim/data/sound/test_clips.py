"""Sets of sounds: digits by name, folders, `.ts` files; bad samples are refused or skipped."""

from __future__ import annotations

import gzip
import io
import tarfile
import wave
from pathlib import Path

import numpy as np
import pytest
import torch

from biograd.data.datasets import load
from biograd.data.sound import digits
from biograd.data.sound.mel import MelParams
from biograd.data.verified_files import DataError


def wav(values: np.ndarray, rate: int = 8000) -> bytes:
    """Return a mono wav file of 16-bit integers."""
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(values.astype("<i2").tobytes())
    return content.getvalue()


def hum(digit: int, seconds: float = 0.06, rate: int = 8000) -> bytes:
    t = np.arange(int(seconds * rate)) / rate
    return wav(8000 * np.sin(2 * np.pi * 200 * (digit + 1) * t), rate)


def recordings(folder: Path) -> Path:
    """Write a small copy of the digits: two speakers, clips 0 and 7."""
    (folder / "fsdd" / "recordings").mkdir(parents=True)
    for digit in range(10):
        for speaker in ("theo", "lucas"):
            for index in (0, 7):
                path = folder / "fsdd" / "recordings" / f"{digit}_{speaker}_{index}.wav"
                path.write_bytes(hum(digit, 0.06 + 0.01 * (digit % 3)))
    return folder


def test_digits_split_by_index_or_by_speaker(tmp_path: Path) -> None:
    root = recordings(tmp_path)
    train, test = (load("fsdd", split, root=root) for split in ("train", "test"))
    assert len(train) == len(test) == 20 and train.classes == 10 and train.inputs == 160
    assert test.y.bincount().tolist() == [2] * 10
    of_theo = load("fsdd-theo", "test", root=root)
    assert len(of_theo) == 20 and len(load("fsdd-theo", "train", root=root)) == 20
    with pytest.raises(ValueError, match="no clip for test"):
        load("fsdd-george", "test", root=root)


def test_bad_clips_are_refused_in_a_line_or_skipped_and_counted(tmp_path: Path) -> None:
    folder = recordings(tmp_path) / "fsdd" / "recordings"
    (folder / "notes_of_theo.wav").write_bytes(hum(3))
    with pytest.raises(ValueError, match=r"names no class: need DIGIT_SPEAKER_INDEX.wav.*skip-bad"):
        load("fsdd", "train", root=tmp_path)
    (folder / "0_theo_8.wav").write_bytes(hum(0)[:-20])
    (folder / "0_theo_9.wav").write_bytes(wav(np.zeros(800)))
    with pytest.warns(UserWarning, match=r"3 of 23 clips of fsdd cannot be read .* is truncated"):
        train = load("fsdd", "train", root=tmp_path, skip_bad=True)
    assert len(train) == 20


def test_a_class_without_clips_is_refused(tmp_path: Path) -> None:
    for path in recordings(tmp_path).rglob("4_*.wav"):
        path.unlink()
    with pytest.raises(ValueError, match="no training clip of class '4'"):
        load("fsdd", "train", root=tmp_path)


def test_the_published_archive_is_held_against_its_checksum(tmp_path: Path, monkeypatch) -> None:
    files = {path.name: path.read_bytes() for path in recordings(tmp_path / "a").rglob("*.wav")}
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"free-spoken-digit-dataset-1/recordings/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    path = tmp_path / "b" / "fsdd" / digits.ARCHIVE
    path.parent.mkdir(parents=True)
    path.write_bytes(packed.getvalue())
    with pytest.raises(DataError, match="holds 40 clips with the SHA-256"):
        load("fsdd", "train", root=tmp_path / "b")
    monkeypatch.setattr(digits, "SHA256", digits._digest(files))
    assert len(load("fsdd", "train", root=tmp_path / "b")) == 20
    path.write_bytes(gzip.compress(b"no archive"))
    with pytest.raises(DataError, match="is no whole archive"):
        load("fsdd", "train", root=tmp_path / "b")


def test_where_nothing_can_be_fetched_the_message_says_where_to_put_it(
    tmp_path, monkeypatch
) -> None:
    def offline(*args: object, **options: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr("urllib.request.urlopen", offline)
    with pytest.raises(DataError, match="put their folder 'recordings' into"):
        load("fsdd", "train", root=tmp_path)


def test_a_folder_of_sounds_per_class_is_a_data_set_at_any_rate(tmp_path: Path) -> None:
    for half in ("train", "test"):
        for label, name in enumerate(("clap", "snap")):
            (tmp_path / "mine" / half / name).mkdir(parents=True)
            rate = 8000 if half == "train" else 16000
            (tmp_path / "mine" / half / name / "1.wav").write_bytes(hum(label, rate=rate))
    train, test = (load(f"{tmp_path}/mine", split) for split in ("train", "test"))
    assert train.names == ("clap", "snap") and test.lengths.tolist() == train.lengths.tolist()
    # resampled, the same tone is loudest in the same band
    assert torch.equal(
        test.values.view(2, -1, 40).mean(1).argmax(1),
        train.values.view(2, -1, 40).mean(1).argmax(1),
    )
    few = load(f"{tmp_path}/mine", "train", mel=MelParams(bands=20))
    assert few.inputs == 80


TS = """#comment
@problemName Small
@classLabel true up down
@data
1,2,3:3,2,1:up
4,5:6,7:down
"""


def written(folder: Path, train: str = TS, test: str = TS) -> str:
    (folder / "Small_TRAIN.ts").write_text(train)
    (folder / "Small_TEST.ts").write_text(test)
    return str(folder / "Small_TRAIN.ts")


def test_ts_files_are_series_of_unequal_length(tmp_path: Path) -> None:
    train = load(written(tmp_path), "train")
    assert train.names == ("up", "down") and train.lengths.tolist() == [3, 2]
    assert train[1][0].tolist() == [[4, 6], [5, 7]] and train.y.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("1,2:3:up", r"channels have \[1\] to \[2\] steps"),
        ("1,2:up", "1 channels, and the series before it 2"),
        ("1,?:1,2:up", ".*no numbers"),
        ("1,nan:1,2:up", ".*not finite"),
        ("1,2:1,2:left", "class 'left' is none of up down"),
    ],
)
def test_lines_that_hold_no_series_are_refused_or_skipped(tmp_path: Path, line, why: str) -> None:
    path = written(tmp_path, TS + line + "\n")
    with pytest.raises(DataError, match=f"Small_TRAIN.ts, line 7: {why}.*skip-bad"):
        load(path, "train")
    with pytest.warns(UserWarning, match="1 of 3 series"):
        assert len(load(path, "train", skip_bad=True)) == 2


def test_ts_files_need_both_halves_and_the_same_classes(tmp_path: Path) -> None:
    path = written(tmp_path, test=TS.replace("up down", "down up"))
    with pytest.raises(DataError, match="has the classes down up"):
        load(path, "test")
    (tmp_path / "Small_TEST.ts").unlink()
    with pytest.raises(DataError, match="need both halves"):
        load(path, "train")
