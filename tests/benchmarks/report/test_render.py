"""The page: whole without a network, true to its records, and standing whatever they hold."""

from __future__ import annotations

import html.parser
import re
import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.report import page, render
from benchmarks.report.sections import SECTIONS

DAMAGE = [None, [], {}, "x", -1, 0, 1e300, [[]], {"a": None}]
QUIET = [
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class Loads(html.parser.HTMLParser):
    """Everything a browser would fetch or run, and every id."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name == "id":
                self.ids.append(value)
            runs = tag in ("script", "iframe", "object", "embed", "link", "base")
            if runs or name.startswith("on"):
                self.fetched.append(f"{tag} {name}")
            loads = name in ("src", "srcset") or (name in ("href", "xlink:href") and tag != "a")
            if loads and not value.startswith(("#", "data:")):
                self.fetched.append(value)


def test_the_page_needs_no_network_and_no_other_file(whole_page):
    loads = Loads()
    loads.feed(whole_page)
    assert loads.fetched == []
    assert not re.search(r"@import|url\((?!#)", whole_page)
    assert len(loads.ids) == len(set(loads.ids)), "ids of different pictures must differ"
    assert '<meta name="viewport"' in whole_page and whole_page.count("<svg") >= 8


def test_every_section_is_complete_when_every_record_is_there(whole_page):
    assert whole_page.count("<section ") == len(SECTIONS)
    assert "could not be read" not in whole_page


def test_missing_records_name_the_command_that_measures_them(undrawn, text_of):
    text = text_of(render.render([]))
    for command in (
        "biograd benchmark --suite paper",
        "biograd benchmark --suite speed",
        "biograd benchmark --suite quick",
        "--suite energy",
    ):
        assert command in text
    assert text.count("missing") >= 5 and "nothing measured yet" in text
    assert "could not be read" not in text


def test_records_of_other_versions_and_failures_are_named_and_not_counted(
    every_record, training_run, measured, undrawn, text_of
):
    other = training_run("BioGrad, sleep", 7, 0.5) | {"format": 99}
    failed = measured("speed", {}, error="out of memory")
    text = text_of(render.render([*every_record, other, failed, {"kind": "???"}, "rubbish", None]))
    assert "Left out: measurement accuracy (format 99" in text
    assert "Left out: speed (failed: out of memory)" in text
    assert "98.10 ± 0.10 % (3 seeds)" in text  # the 50 % of another version is not averaged in
    assert "5 left out" in text


def test_a_broken_record_takes_down_its_section_alone(every_record, measured, undrawn):
    others = [record for record in every_record if record.get("name") != "memory"]
    text = render.render([*others, measured("memory", {"steps": "ten"})])
    assert text.count("could not be read") == 1
    assert text.count("<section ") == len(SECTIONS)


@pytest.mark.slow
def test_no_damage_to_a_record_breaks_the_page(every_record, monkeypatch):
    def drawn_without_layout(figure):
        figure.set_layout_engine("none")  # takes half of the time, and breaks nothing
        figure.draw_without_rendering()
        return "<svg></svg>"

    monkeypatch.setattr(page, "as_svg", drawn_without_layout)
    numbers = [n for n, record in enumerate(every_record) if record.get("results")]

    @settings(max_examples=4, deadline=None)
    @given(st.data())
    def check(data):
        records = list(every_record)
        for _ in range(data.draw(st.integers(1, 4))):
            n = data.draw(st.sampled_from(numbers))
            key = data.draw(st.sampled_from(sorted(records[n]["results"])))
            damaged = {key: data.draw(st.sampled_from(DAMAGE))}
            records[n] = records[n] | {"results": records[n]["results"] | damaged}
        text = render.render(records)
        assert text.rstrip().endswith("</html>") and text.count("<section ") == len(SECTIONS)

    check()


def test_text_from_records_cannot_become_markup(training_run, undrawn):
    text = render.render([training_run("<script>alert(1)</script>", 0, 0.9)])
    assert "<script" not in text and "&lt;script&gt;" in text


@pytest.mark.parametrize(
    "svg",
    [
        "<svg><script>alert(1)</script></svg>",
        '<svg onload="alert(1)"></svg>',
        '<svg><image href="https://example.org/x.png"/></svg>',
        "<svg><foreignObject></foreignObject></svg>",
        "<svg></svg><b>tail</b>",
    ],
)
def test_pictures_that_hold_more_than_shapes_are_shut_into_an_image(svg, undrawn):
    text = render.render([], pictures={"raster": svg})
    assert svg not in text and "data:image/svg+xml;base64," in text


def test_the_page_is_written_whole_with_its_title_escaped(tmp_path, undrawn):
    path = render.write([], tmp_path / "deep" / "report.html", title="Mine & yours")
    assert "<title>Mine &amp; yours</title>" in path.read_text(encoding="utf-8")
    assert [file.name for file in path.parent.iterdir()] == ["report.html"]


@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which("chromium") is None,
    reason="no chromium on this machine: the page is not opened in a browser",
)
@pytest.mark.parametrize("width", [1200, 390])
def test_a_browser_lays_the_page_out_without_errors_and_within_its_width(
    tmp_path, whole_page, width
):
    probe = (
        "<script>onload=()=>{document.title=JSON.stringify("
        "[document.documentElement.scrollWidth,innerWidth])}</script>"
    )
    probed = whole_page.replace("</body>", probe + "</body>")
    (tmp_path / "probed.html").write_text(probed, encoding="utf-8")
    # A frame of a phone's width: headless windows are never narrower than 500 pixels.
    frame = (
        f'<iframe src="probed.html" style="width:{width}px;height:800px;border:0"'
        ' onload="document.title=this.contentDocument.title"></iframe>'
    )
    (tmp_path / "frame.html").write_text(f"<!doctype html><body>{frame}</body>", encoding="utf-8")
    dump = subprocess.run(
        [
            "chromium",
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            *QUIET,
            "--allow-file-access-from-files",
            "--virtual-time-budget=8000",
            f"--user-data-dir={tmp_path / 'profile'}",
            "--dump-dom",
            f"file://{tmp_path / 'frame.html'}",
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    title = re.search(r"<title>\[(\d+),(\d+)\]</title>", dump.stdout)
    assert title, dump.stdout[:300]
    scroll, inner = map(int, title.groups())
    assert inner == width
    assert scroll <= width, "the page must not scroll sideways; wide tables scroll within"
