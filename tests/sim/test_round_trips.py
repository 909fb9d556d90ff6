"""Files come back as they were written: configurations, records, and MNIST's own format."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from biograd.data.idx import format_idx, parse_idx
from biograd.runs import records
from biograd.runs.config import RunConfig
from biograd.runs.config_files import config_toml, read_config
from biograd.sleep import SleepParams

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
fields = st.fixed_dictionaries(
    {
        "hidden": st.lists(st.integers(1, 5000), max_size=4).map(tuple),
        "epochs": st.integers(1, 1000),
        "lr": st.floats(1e-300, 1e300),
        "weight_decay": st.floats(0, 1e9),
        "seed": st.integers(0, 2**40),
        "optimizer": st.sampled_from(["adam", "adamw"]),
    }
)


@given(fields, st.floats(0.01, 0.99), st.integers(1, 1000))
def test_any_configuration_comes_back_from_its_file(chosen, rate, steps):
    config = RunConfig(**chosen, sleep=SleepParams(rate=rate, steps=steps))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "c.toml"
        path.write_text(config_toml(config), encoding="utf-8")
        assert read_config(path) == config
    changed = dataclasses.replace(config, epochs=config.epochs + 1)
    assert config_toml(changed) != config_toml(config)


@given(
    st.lists(st.dictionaries(st.text(max_size=5), json_values, max_size=4), max_size=4),
    st.binary(max_size=30),
)
def test_any_records_come_back_in_order_whatever_a_crash_left_behind_them(entries, torn):
    wanted = [{"format": 1} | record | {"format": 1, "kind": "epoch"} for record in entries]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "r.jsonl"
        for record in wanted:
            records.append(path, record)
        assert records.read(path) == wanted
        torn = torn.replace(b"\n", b"") + b"{"
        with open(path, "ab") as file:
            file.write(torn)
        assert records.read_counting(path) == (wanted, 1)
        records.append(path, {"kind": "run"})
        assert records.read(path) == [*wanted, {"format": 1, "kind": "run"}]


@given(arrays.arrays(np.uint8, arrays.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=6)))
def test_any_array_of_bytes_comes_back_from_idx(array):
    back = parse_idx(format_idx(array), "x")
    assert back.shape == array.shape and np.array_equal(back, array)
