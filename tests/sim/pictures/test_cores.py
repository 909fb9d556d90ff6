"""The core map: used and free cores, and the numbers of the fullest ones."""

from __future__ import annotations

from biograd.pictures.cores import CoreLoad, core_loads

LAYERS = [
    CoreLoad("hidden 1", 2, {"compartments": (512, 1024), "synapse words": (4096, 16_384)}),
    CoreLoad("output", 1, {"compartments": (10, 1024), "synapse words": (1234, 16_384)}),
]


def test_the_core_map_shows_used_numbers_and_their_limits(words):
    figure = core_loads(LAYERS)
    chip, loads = figure.axes
    assert len(chip.patches) == 128 and "3 of 128 cores" in words(figure)
    assert [[bar.get_height() for bar in bars] for bars in loads.containers] == [
        [50, 25],
        [100 * 10 / 1024, 100 * 1234 / 16_384],
    ]
    parts = (
        "4,096",
        "1,234",
        "synapse words\nof 16,384",
        "hidden 1: 2 cores",
        "output: 1 core",
    )
    for part in parts:
        assert part in words(figure)


def test_numbers_of_more_layers_than_fit_level_are_written_upright():
    texts = core_loads(LAYERS * 3).axes[1].texts
    labels = [text for text in texts if text.get_text() == "4,096"]
    assert len(labels) == 3 and {label.get_rotation() for label in labels} == {90}
