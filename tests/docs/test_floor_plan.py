"""The pictures of the import graph show the code as it is."""

from __future__ import annotations

import floor_plan
import pytest


@pytest.mark.parametrize("package", floor_plan.PACKAGES)
def test_the_pictures_are_up_to_date(package):
    shown = floor_plan.described((floor_plan.PICTURES / f"{package}.svg").read_text("utf-8"))
    current = floor_plan.text(floor_plan.graph(package))
    assert shown == current, "run python docs/floor_plan.py, and look at docs/pictures"


def test_imports_are_read_from_the_code():
    boxes = floor_plan.graph("biograd")
    assert {"network", "kernels", "training"} <= boxes.keys()
    assert "neurons" in boxes["network"] and "network" not in boxes["neurons"]
    assert not any("biograd" in others for others in boxes.values())


def test_every_box_stands_below_the_boxes_that_import_it():
    boxes = {"a": {"b", "c"}, "b": {"c"}, "c": set(), "d": {"c"}}
    assert floor_plan.floors(boxes) == {"a": 2, "b": 1, "c": 0, "d": 1}
    with pytest.raises(ValueError, match="import each other in a circle: a, b"):
        floor_plan.floors({"a": {"b"}, "b": {"a"}, "c": set()})


def test_arrows_that_follow_from_others_are_left_out():
    assert floor_plan.reduced({"a": {"b", "c"}, "b": {"c"}, "c": set()})["a"] == {"b"}


def test_a_picture_holds_its_graph_as_text(tmp_path, monkeypatch):
    monkeypatch.setattr(floor_plan, "PICTURES", tmp_path)
    floor_plan.main()
    for package in floor_plan.PACKAGES:
        svg = (tmp_path / f"{package}.svg").read_text("utf-8")
        boxes = floor_plan.graph(package)
        assert floor_plan.described(svg) == floor_plan.text(boxes)
        assert all(f">{box}" in svg for box in boxes)
