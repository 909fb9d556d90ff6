"""The IDX format: files are read as written, others refused before memory is taken."""

import gzip

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
from hypothesis import given

from biograd.data.idx import format_idx, parse_idx, read_idx


@given(arrays.arrays(np.uint8, arrays.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=5)))
def test_an_array_is_read_as_it_was_written(array):
    again = parse_idx(format_idx(array), "some file")
    assert again.dtype == np.uint8 and again.shape == array.shape and np.array_equal(again, array)


def test_the_header_is_as_the_format_says():
    assert format_idx(np.full((2, 1), 7, np.uint8)) == bytes.fromhex(
        "00000802 00000002 00000001 0707"
    )


@pytest.mark.parametrize("packed", [False, True])
def test_files_are_read_plain_and_gzipped(tmp_path, packed):
    content = format_idx(np.arange(6, dtype=np.uint8).reshape(2, 3))
    (tmp_path / "a").write_bytes(gzip.compress(content) if packed else content)
    assert read_idx(tmp_path / "a").tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0\0\x08",
        b"\0\0\x08\0",
        b"\0\0\x08\x02\0\0\0\1",
        b"PK\3\4abcdefgh",
        b"\0\0\x0d\x01\0\0\0\0",
    ],
)
def test_other_files_are_refused(content):
    with pytest.raises(ValueError, match="some file is not an IDX file"):
        parse_idx(content, "some file")


@pytest.mark.parametrize("sizes", [(3,), (2**32 - 1, 2**32 - 1, 2**32 - 1), (0,)])
def test_forged_sizes_are_refused(sizes):
    content = (
        bytes((0, 0, 8, len(sizes))) + b"".join(size.to_bytes(4, "big") for size in sizes) + b"xx"
    )
    with pytest.raises(ValueError, match="holds 2: truncated or forged"):
        parse_idx(content, "some file")


def test_a_file_larger_than_allowed_is_refused(tmp_path):
    (tmp_path / "a").write_bytes(gzip.compress(format_idx(np.zeros(1000, np.uint8))))
    with pytest.raises(ValueError, match="more than 1,007 bytes"):
        read_idx(tmp_path / "a", max_bytes=1007)
    assert read_idx(tmp_path / "a", max_bytes=1008).shape == (1000,)
