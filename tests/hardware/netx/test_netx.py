"""lava-dl's files are read as they run there, and written as its reader takes them."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from hardware import emulator
from hardware.border.hdf5 import open_hdf5
from hardware.border.shapes import Convolution, Pool
from hardware.fixed_layers import FixedPointLayer, FixedPointModel
from hardware.netx.inputs import InputNeurons
from hardware.netx.reading import is_netx, read_netx
from hardware.netx.writing import write_netx

# The network and the spikes of lava-nc/lava-dl's own test `tiny.net` (BSD-3), as recorded there.
RECORDED = Path(__file__).parents[2] / "golden" / "tinynet.npz"
NEURON = {"type": "LOIHI", "iDecay": 4096, "vDecay": 1024, "vThMant": 25, "refDelay": 1}


def write(path: Path, *layers: dict, steps: int = 15) -> Path:
    """Write layers as lava-dl does; a dict is a group, text is bytes."""
    with h5py.File(path, "w") as file:
        for number, layer in enumerate(layers):
            fill(file.create_group(f"layer/{number}"), {"neuron": NEURON} | layer)
        file["simulation/tSample"] = steps
    return path


def fill(group: h5py.Group, entries: dict) -> None:
    for name, value in entries.items():
        if isinstance(value, dict):
            fill(group.create_group(name), value)
        elif value is not None:
            group[name] = np.array([value.encode()], "S10") if name == "type" else value


def tinynet(path: Path) -> dict[str, np.ndarray]:
    with np.load(RECORDED) as archive:
        recorded = dict(archive)
    layers = [{"type": "input", "shape": [3, 16, 16], "weight": [36.0], "bias": [34.0]}]
    for number, out in ((1, [24, 6, 6]), (2, [36, 1, 1])):
        layers.append(
            {
                "type": "conv",
                "shape": out,
                "weight": recorded[f"w{number}"][..., None].astype(np.float32),
                "bias": recorded[f"bias{number}"].astype(np.float32),
                "kernelSize": [5, 5],
                "stride": [2, 2],
                "padding": [0, 0],
                "dilation": [1, 1],
                "groups": 1,
            }
        )
    write(path, *layers)
    return recorded


def unpacked(bits: np.ndarray, steps: int, neurons: int) -> np.ndarray:
    return np.unpackbits(bits, count=steps * neurons).reshape(steps, neurons)


def test_every_recorded_spike_of_lava_dls_own_network_is_equal(tmp_path):
    recorded = tinynet(tmp_path / "tiny.net")
    read = read_netx(tmp_path / "tiny.net")
    assert read.inputs is not None and read.model.sizes == (768, 864, 36)
    entered = read.inputs.spikes(recorded["input_bias"].astype(int)[None], read.model.steps)
    assert np.array_equal(entered.spikes[:, 0], unpacked(recorded["s0"], 15, 768))
    result = emulator.run(read.model, entered, record="s")
    for number, s in enumerate(result.s, start=1):
        expected = unpacked(recorded[f"s{number}"], 15, s.shape[2])
        assert expected.any() and np.array_equal(s[:, 0], expected)


def test_written_files_come_back_as_the_same_integers(tmp_path):
    rng = np.random.default_rng(0)
    conv = Convolution(
        in_shape=(2, 8, 8),
        channels=4,
        kernel=3,
        groups=2,
        pools=(Pool(kind="sum", size=2, stride=2),),
    )
    numbers = {"vth": 60, "du": 4095, "dv": 300}
    layers = (
        FixedPointLayer(
            w=rng.integers(-40, 40, conv.weight_shape) * 2,
            w_bias=rng.integers(-9, 9, (4, 2)) * 2,
            conv=conv,
            **numbers,
        ),
        FixedPointLayer(
            w=rng.integers(-40, 40, (5, 16)) * 2,
            w_bias=np.zeros((5, 0), int),
            w_rec=rng.integers(-40, 40, (5, 5)) * 2,
            delay=rng.integers(0, 5, 16),
            **numbers,
        ),
        FixedPointLayer(
            w=rng.integers(-40, 40, (3, 5)) * 2, w_bias=rng.integers(-9, 9, (3, 1)) * 2, **numbers
        ),
    )
    fixed = FixedPointModel(layers=layers, steps=12)
    write_netx(fixed, tmp_path / "ours.net")
    assert is_netx(tmp_path / "ours.net")
    back = read_netx(tmp_path / "ours.net").model
    entered = InputNeurons(shape=(2, 8, 8), vth=25, dv=0, weight=1.0, bias=0.0).spikes(
        rng.integers(0, 30, (3, 128)), 12
    )
    first, second = (emulator.run(model, entered, record="vs") for model in (fixed, back))
    for a, b in zip((*first.v, *first.s), (*second.v, *second.s), strict=True):
        assert np.array_equal(a, b)
    assert first.counts.any()


def test_models_that_the_format_cannot_hold_exactly_are_refused_by_layer(tmp_path):
    dense = {"w": np.full((2, 2), 2), "w_bias": np.full((2, 1), 2), "vth": 5}
    plain = {**dense, "w_bias": np.zeros((2, 0), int)}
    for layer, message in (
        (FixedPointLayer(**dense, du=2047), "layer 1: adds its biases to the synaptic current"),
        (FixedPointLayer(**plain, weight_exp=1), "layer 1: has the weight exponent 1"),
        (FixedPointLayer(**plain, reset="subtract"), "layer 1: resets by 'subtract'"),
        (FixedPointLayer(**plain, fires=False), "layer 1: does not fire"),
    ):
        with pytest.raises(ValueError, match=message):
            write_netx(FixedPointModel(layers=(layer,), steps=2), tmp_path / "no.net")
    assert not list(tmp_path.iterdir())


def test_a_pool_is_a_layer_of_neurons_over_windows(tmp_path):
    pool = {"type": "pool", "shape": [2, 2, 2], "kernelSize": [2, 2], "stride": [2, 2]}
    dense = {"type": "dense", "shape": [1, 1, 1], "weight": np.full((1, 8), 4.0)}
    source = {"type": "input", "shape": [2, 4, 4]}
    path = write(
        tmp_path / "pool.net", source, pool | {"weight": [6.0]}, {"type": "flatten"}, dense
    )
    first = read_netx(path).model.layers[0]
    assert first.w.shape == (2, 1, 2, 2) and (first.w == 6).all() and first.conv.groups == 2


def test_delays_of_a_layer_are_those_of_its_spikes(tmp_path):
    dense = {"type": "dense", "shape": [2, 1, 1], "weight": np.full((2, 3), 4.0)}
    path = write(
        tmp_path / "late.net", dense | {"delay": [1, 3]}, dense | {"weight": np.ones((2, 2))}
    )
    layers = read_netx(path).model.layers
    assert layers[0].delay is None and layers[1].delay.tolist() == [1, 3]


DENSE = {"type": "dense", "shape": [2, 1, 1], "weight": np.full((2, 3), 4.0)}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"type": "concat"}, "layer 0: is of type 'concat'; read are input, conv, pool"),
        ({"shape": None}, "layer 0: states no shape"),
        ({"weight": np.full((2, 3), 4.5)}, "weight holds values that are no whole numbers"),
        ({"weight": np.full(7, 4.0)}, "has 7 weights; need 2 x 3"),
        ({"weight": None}, "no entry"),
        ({"bias": [1.0, 2.0, 3.0]}, "has 3 biases; need one per row, 2"),
        ({"delay": [0, 63]}, "has a delay of 63 steps; the chip has 0 to 62"),
        ({"neuron": NEURON | {"type": "RF"}}, "has neurons of type 'RF'; read are LOIHI, CUBA"),
        ({"neuron": NEURON | {"refDelay": 4}}, "has a refractory time of 4 steps"),
        ({"neuron": NEURON | {"gradedSpike": 1}}, "sends graded spikes"),
        ({"type": "conv"}, "is of type conv behind a population of shape None; need maps"),
    ],
)
def test_a_file_that_is_no_such_network_is_refused_in_one_line(tmp_path, changes, message):
    with pytest.raises(ValueError, match=message) as refused:
        read_netx(write(tmp_path / "bad.net", DENSE | changes))
    assert "\n" not in str(refused.value) and "bad.net" in str(refused.value)


def test_all_layers_faults_are_named_at_once(tmp_path):
    bad = DENSE | {"type": "concat"}
    with pytest.raises(ValueError, match=r"layer 0: is of type .*; layer 1: is of type"):
        read_netx(write(tmp_path / "bad.net", bad, bad))


def test_a_git_lfs_pointer_is_called_by_its_name(tmp_path):
    pointer = tmp_path / "pointer.net"
    pointer.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 94236\n")
    assert is_netx(pointer)
    for read in (read_netx, open_hdf5):
        with pytest.raises(ValueError, match="a Git LFS pointer in place of the file"):
            read(pointer)


def test_inputs_are_biases_in_range():
    neurons = InputNeurons(shape=(1, 1, 2), vth=25, dv=1024, weight=36.0, bias=34.0)
    assert neurons.mantissas(np.array([[0.0, 1.0]])).tolist() == [[-2, 70]]
    # 20 a step, 3/4 kept: 20, 35 > 25 fires, 20, ...; never at 5: 5, 8, 11, ... below 20
    s = neurons.spikes(np.array([[20, 5]]), 4).spikes[:, 0]
    assert s.T.tolist() == [[0, 1, 0, 1], [0, 0, 0, 0]]
    with pytest.raises(ValueError, match="run from 0 to 5000; Loihi holds -4096 to 4095"):
        neurons.spikes(np.array([[0, 5000]]), 4)
    with pytest.raises(ValueError, match=r"biases are int64 of shape \(1, 3\); need whole numbers"):
        neurons.spikes(np.array([[0, 1, 2]]), 4)
