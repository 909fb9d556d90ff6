import numpy as np
import pytest

from hardware.border.archive import read_npz, write_npz
from hardware.prototypes.emulator import learn
from hardware.prototypes.params import PrototypeParams
from hardware.prototypes.state import read_state, start, write_state


def learned(blobs):
    state = start(PrototypeParams(inputs=30, prototypes=12, per_class=3, classes=4))
    learn(state, *blobs)
    return state


def test_a_state_reads_back_as_it_was_written(blobs, tmp_path):
    state = learned(blobs)
    write_state(state, tmp_path / "state.npz")
    copy = read_state(tmp_path / "state.npz")
    assert copy.params == state.params
    for name in ("w", "x1", "means", "seen", "classes", "clock", "samples"):
        assert np.array_equal(getattr(copy, name), getattr(state, name))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("w", np.full((30, 12), 300, np.int16), "w runs from 300 to 300"),
        ("x1", np.zeros(29, np.int64), "x1 is int64"),
        ("classes", np.r_[-1, np.zeros(11, np.int64)], "free neurons before recruited ones"),
        ("progress", np.array([-1, 0]), "progress is -1"),
        ("format", np.array(7), "format 7"),
        ("prototypes", np.array("{}x"), "not of this version"),
    ],
)
def test_a_damaged_file_is_refused_by_name(blobs, tmp_path, name, value, message):
    file = tmp_path / "state.npz"
    write_state(learned(blobs), file)
    write_npz(file, read_npz(file) | {name: value})
    with pytest.raises(ValueError, match=message):
        read_state(file)
