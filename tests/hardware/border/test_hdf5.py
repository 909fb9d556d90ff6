"""HDF5 that lies about itself, or leads elsewhere, is refused before any of its data is read."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from hardware.border import files


def test_a_claim_of_huge_arrays_takes_no_memory(rewritten):
    path = rewritten(
        lambda file: file["node/nodes/fc1"].create_dataset(
            "bomb", shape=(2**40,), dtype="f8", chunks=(2**16,)
        ),
    )
    with pytest.raises(ValueError, match=r"'bomb' brings the file to 8,796,.* bytes; at most"):
        files.read_model(path)


@pytest.mark.parametrize("link", [h5py.ExternalLink("/etc/passwd", "/"), h5py.SoftLink("/node")])
def test_links_are_not_followed(rewritten, link):
    def change(file):
        file["node/away"] = link

    with pytest.raises(ValueError, match="'away' is a link to elsewhere"):
        files.read_model(rewritten(change))


def test_values_in_another_file_and_of_other_kinds_are_refused(tmp_path, rewritten):
    (tmp_path / "secret").write_bytes(bytes(64))

    def external(file):
        file.create_dataset(
            "node/away", (8,), dtype="f8", external=[(str(tmp_path / "secret"), 0, 64)]
        )

    def opaque(file):
        file.create_dataset("node/odd", data=np.void(b"pickled?"))

    with pytest.raises(ValueError, match="'away' keeps its values in another file"):
        files.read_model(rewritten(external))
    with pytest.raises(ValueError, match=r"'odd' holds .* values; only numbers and text"):
        files.read_model(rewritten(opaque))


def test_a_file_that_contains_itself_is_refused(rewritten):
    def change(file):
        file["node/again"] = file["node"]

    with pytest.raises(ValueError, match=r"nested deeper than|more than .* objects"):
        files.read_model(rewritten(change))
