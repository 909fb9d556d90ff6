"""N-MNIST's format: byte by byte as published, and every way in which a copy can be broken."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from biograd.data.datasets import DataError, load
from biograd.data.events.nmnist import LAST_TIME, SIMULATED, Files, Packed, nmnist, parse, to_bytes
from biograd.data.events.recording import Events, Sensor, bin_events
from biograd.data.events.sets import EventSet

# Three events by hand: (x 10, y 20, ON, t 5), (x 33, y 0, OFF, t 0x012345), (x 0, y 33, ON, t
# 0x7FFFFF).
BY_HAND = bytes(
    [10, 20, 0b1000_0000, 0, 5, 33, 0, 0b0000_0001, 0x23, 0x45, 0, 33, 0b1111_1111, 0xFF, 0xFF]
)


def event(x: int, y: int, p: int, t: int) -> bytes:
    """One event as the data set's page describes its 40 bits."""
    return (x << 32 | y << 24 | p << 23 | t).to_bytes(5, "big")


def a_copy(folder: Path, *, each: int = 2) -> Path:
    """A small N-MNIST, byte by byte: recording k of class c has 3 + k events at pixel (c, k),
    and one of the other polarity.
    """
    for part in ("Train", "Test"):
        for label in range(10):
            (folder / part / str(label)).mkdir(parents=True)
            for k in range(each):
                events = [event(label, k, k % 2, 1000 * i) for i in range(3 + k)] + [
                    event(33, 33, 1 - k % 2, 300_000)
                ]
                (folder / part / str(label) / f"{label * each + k + 1:05d}.bin").write_bytes(
                    b"".join(events)
                )
    return folder


def test_bytes_are_read_as_published() -> None:
    x, y, p, t = parse(BY_HAND, "by hand")
    assert (x.tolist(), y.tolist(), p.tolist(), t.tolist()) == (
        [10, 33, 0],
        [20, 0, 33],
        [1, 0, 1],
        [5, 0x12345, 0x7FFFFF],
    )
    assert (
        b"".join([event(10, 20, 1, 5), event(33, 0, 0, 0x12345), event(0, 33, 1, 0x7FFFFF)])
        == BY_HAND
    )


def test_an_overflow_mark_is_no_event_and_moves_the_clock_on() -> None:
    raw = (
        event(1, 2, 0, 8000)
        + event(0, 240, 0, 0)
        + event(1, 3, 0, 10)
        + event(0, 240, 1, 8191)
        + event(2, 3, 1, 20)
    )
    x, y, p, t = parse(raw, "overflow")
    assert (x.tolist(), y.tolist(), p.tolist()) == ([1, 1, 2], [2, 3, 3], [0, 0, 1])
    assert t.tolist() == [8000, 10 + 8192, 20 + 2 * 8192]


@given(
    st.lists(
        st.tuples(
            st.integers(0, 255), st.integers(0, 239), st.integers(0, 1), st.integers(0, LAST_TIME)
        ),
        max_size=30,
    )
)
def test_what_is_written_is_read_again(rows: list[tuple[int, int, int, int]]) -> None:
    events = Events(*np.array(rows, dtype=np.int64).reshape(-1, 4).T)
    raw = to_bytes(events)
    assert raw == b"".join(event(*row) for row in rows)
    assert all(np.array_equal(a, b) for a, b in zip(parse(raw, "again"), events, strict=True))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ((256, 0, 0, 0), "x runs from 256"),
        ((0, 240, 0, 0), "y runs from 240"),
        ((0, 0, 0, 1 << 23), "t runs from 8388608"),
    ],
)
def test_events_that_the_format_cannot_hold_are_not_written(
    row: tuple[int, int, int, int], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        to_bytes(Events(*np.array([row]).T))


@pytest.mark.parametrize("cut", [1, 4, 6])
def test_a_truncated_file_is_named(tmp_path: Path, cut: int) -> None:
    path = a_copy(tmp_path) / "Train/3/00007.bin"
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(
        ValueError, match=r"Train/3/00007\.bin holds \d+ bytes, no multiple of 5: truncated"
    ) as error:
        nmnist(tmp_path, "train").spikes(torch.arange(20), 3)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (event(34, 0, 0, 0), r"pixel \(34, 0\) lies outside the sensor of 34 x 34"),
        (event(1, 1, 0, 9) + event(1, 1, 0, 8), "time falls from 9 to 8"),
    ],
)
def test_a_damaged_recording_is_named_by_its_number(
    tmp_path: Path, raw: bytes, message: str
) -> None:
    (a_copy(tmp_path) / "Test/0/00002.bin").write_bytes(raw)
    with pytest.raises(ValueError, match=f"recording 1 of nmnist, event .*{message}"):
        nmnist(tmp_path, "test").events(1)


def test_a_huge_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.bin"
    with open(path, "wb") as file:
        file.truncate(5 << 34)  # 86 GB, of which the disk holds nothing
    with pytest.raises(
        ValueError,
        match="holds 17,179,869,184 events, more than 20,000,000: split it, or raise max_events",
    ):
        Files((path,))[0]


def test_an_empty_file_is_a_silent_recording(tmp_path: Path) -> None:
    (a_copy(tmp_path) / "Test/0/00001.bin").write_bytes(b"")
    assert nmnist(tmp_path, "test").spikes(torch.tensor([0]), 4).sum() == 0


def test_a_copy_is_found_labelled_and_binned(tmp_path: Path) -> None:
    members = nmnist(a_copy(tmp_path), "train")
    assert (len(members), members.classes, members.inputs, members.sensor) == (
        20,
        10,
        2312,
        Sensor(34, 34, 2),
    )
    assert members.y.tolist() == [label for label in range(10) for _ in range(2)]
    # class 3, its second recording: OFF at (33, 33) in the end, ON at (3, 1) before
    s = members.spikes(torch.tensor([7]), 3)
    assert torch.nonzero(s[:, 0]).tolist() == [[0, 1156 + 34 + 3], [2, 33 * 34 + 33]]


def zipped(folder: Path, split: str, prefix: str) -> None:
    with zipfile.ZipFile(folder / f"{split}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted((folder / "tree" / split).rglob("*.bin")):
            archive.write(path, f"{prefix}{path.relative_to(folder / 'tree' / split)}")
        archive.writestr(f"{prefix}README.txt", "not a recording")


@pytest.mark.parametrize("prefix", ["Train/", "", "N-MNIST/Train/"])
def test_an_archive_gives_what_its_files_give(tmp_path: Path, prefix: str) -> None:
    a_copy(tmp_path / "tree")
    zipped(tmp_path, "Train", prefix)
    packed, plain = nmnist(tmp_path, "train"), nmnist(tmp_path / "tree", "train")
    assert packed.y.tolist() == plain.y.tolist()
    assert torch.equal(packed.spikes(torch.arange(20), 5), plain.spikes(torch.arange(20), 5))


def test_a_damaged_archive_is_named(tmp_path: Path) -> None:
    a_copy(tmp_path / "tree")
    zipped(tmp_path, "Train", "Train/")
    whole = (tmp_path / "Train.zip").read_bytes()
    (tmp_path / "Train.zip").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"Train\.zip is no whole zip archive"):
        nmnist(tmp_path, "train")
    at = whole.index(b"Train/0/00001.bin") + 20
    (tmp_path / "Train.zip").write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
    with pytest.raises(ValueError, match="00001"):
        nmnist(tmp_path, "train").events(0)


@pytest.mark.parametrize("prefix", ["Train/", "", "N-MNIST/Train/"])
def test_files_that_macos_and_windows_leave_behind_are_no_recordings(
    tmp_path: Path, prefix: str
) -> None:
    a_copy(tmp_path / "tree")
    zipped(tmp_path, "Train", prefix)
    with zipfile.ZipFile(tmp_path / "Train.zip", "a") as archive:
        for name in (f"__MACOSX/{prefix}3/._00007.bin", f"{prefix}3/._00007.bin"):
            archive.writestr(name, "Mac OS X")
        archive.writestr(f"__MACOSX/{prefix}3/00007.bin", "Mac OS X")
    for name in (".DS_Store", "._00007.bin", "Thumbs.db"):
        (tmp_path / "tree/Train/3" / name).write_bytes(b"not a recording")
    for members in (nmnist(tmp_path, "train"), nmnist(tmp_path / "tree", "train")):
        assert len(members) == 20 and members.spikes(torch.arange(20), 5).any()


@pytest.mark.parametrize("archived", [False, True])
def test_bad_files_among_many_are_named_and_skipped_on_request(
    tmp_path: Path, archived: bool
) -> None:
    copy = a_copy(tmp_path / "tree")
    (copy / "Train/3/00007.bin").write_bytes(event(1, 1, 0, 5)[:-1])
    (copy / "Train/5/00012.bin").write_bytes(event(34, 0, 0, 0))
    if archived:
        zipped(tmp_path, "Train", "Train/")
    folder = tmp_path if archived else copy
    with pytest.raises(
        ValueError, match=r"sensor .* \(file .*5/00012\.bin\); skip_bad \(--skip-bad\)"
    ):
        nmnist(folder, "train").events(11)
    with pytest.warns(UserWarning, match="2 of 20 recordings of nmnist cannot be read") as told:
        members = nmnist(folder, "train", skip_bad=True)
    assert "3/00007.bin holds 4 bytes" in str(told[0].message) and len(told) == 1
    assert members.y.tolist() == [0, 0, 1, 1, 2, 2, 3, 4, 4, 5, 6, 6, 7, 7, 8, 8, 9, 9]
    assert members.spikes(torch.arange(18), 3).any()


def test_a_whole_copy_is_skipped_through_without_a_word_and_a_broken_one_refused(
    tmp_path: Path,
) -> None:
    assert len(nmnist(a_copy(tmp_path), "train", skip_bad=True)) == 20
    for path in (tmp_path / "Train").rglob("*.bin"):
        path.write_bytes(b"?")
    with pytest.raises(ValueError, match=r"20 of 20 recordings of nmnist cannot be read: .*; \.\."):
        nmnist(tmp_path, "train", skip_bad=True)


def test_a_name_with_control_characters_is_reported_in_printable_letters(tmp_path: Path) -> None:
    a_copy(tmp_path / "tree")
    zipped(tmp_path, "Train", "Train/")
    whole = (tmp_path / "Train.zip").read_bytes()
    directory = whole.rindex(b"Train/0/00001.bin")  # named a second time there
    (tmp_path / "Train.zip").write_bytes(whole[:directory] + b"\x1brain" + whole[directory + 5 :])
    recordings = nmnist(tmp_path, "train")
    with pytest.raises(ValueError, match=r"\?rain/0/00001\.bin is damaged") as refused:
        recordings.spikes(torch.arange(20), 4)
    assert str(refused.value).isprintable()


def test_a_folder_without_recordings_says_what_belongs_there(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"holds neither Train/0 \.\. Train/9 nor Train\.zip"):
        nmnist(tmp_path, "train")
    (tmp_path / "Train").mkdir()
    with pytest.raises(ValueError, match=r"holds no recordings: need files 0/\*\.bin"):
        nmnist(tmp_path, "train")


def test_the_data_set_by_name_is_looked_for_in_both_places(tmp_path: Path) -> None:
    a_copy(tmp_path / "data/nmnist")
    assert len(load("nmnist", "test", root=tmp_path / "data")) == 20
    assert len(load("nmnist", "test", root=tmp_path / "data/nmnist")) == 20
    with pytest.raises(DataError, match=r"there is no copy of nmnist in .*--data-folder"):
        load("nmnist", "test", root=tmp_path)


def test_simulated_recordings_do_not_pass_as_real_ones(tmp_path: Path) -> None:
    (a_copy(tmp_path) / SIMULATED).write_text("these are")
    with pytest.raises(DataError, match="holds simulated recordings, not N-MNIST"):
        load("nmnist", "train", root=tmp_path)


def test_a_packed_file_gives_its_recordings_one_by_one(tmp_path: Path) -> None:
    path = tmp_path / "all.events"
    path.write_bytes(BY_HAND + event(7, 7, 1, 3))
    packed = Packed(path, np.array([0, 15, 15, 20]))
    assert [len(packed[i].t) for i in range(3)] == [3, 0, 1] and packed[2].x.tolist() == [7]
    members = EventSet.of(packed, [0, 1, 0], sensor=Sensor(34, 34, 2), window=1 << 23)
    assert np.array_equal(
        members.spikes(torch.tensor([2]), 2)[:, 0].numpy(),
        bin_events(packed[2], members.sensor, steps=2, window=1 << 23)[0],
    )


def test_bytes_that_are_no_archive_are_never_unpickled(tmp_path: Path) -> None:
    (tmp_path / "Train.zip").write_bytes(io.BytesIO(b"\x80\x04cos\nsystem\n").getvalue())
    with pytest.raises(ValueError, match="no whole zip archive"):
        nmnist(tmp_path, "train")
