"""Figures become files of both kinds, and equal figures equal text."""

from __future__ import annotations

from matplotlib.figure import Figure

from biograd.pictures.saving import as_svg, save


def drawn() -> Figure:
    figure = Figure(figsize=(1, 1))
    figure.subplots().plot([0, 1])
    return figure


def test_each_figure_is_written_as_svg_and_png(tmp_path):
    written = save({"one": drawn(), "two": drawn()}, tmp_path / "pictures")
    assert [path.name for path in written] == ["one.svg", "two.svg"]
    files = {path.name for path in (tmp_path / "pictures").iterdir()}
    assert files == {"one.svg", "one.png", "two.svg", "two.png"}
    assert written[0].read_text(encoding="utf-8").startswith("<svg")
    assert (tmp_path / "pictures" / "one.png").read_bytes().startswith(b"\x89PNG")


def test_equal_figures_give_equal_text_without_a_date():
    first, second = as_svg(drawn()), as_svg(drawn())
    assert first == second and "dc:date" not in first
