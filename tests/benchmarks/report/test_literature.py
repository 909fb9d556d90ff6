"""Published figures name their sources."""

from __future__ import annotations

from benchmarks.report import literature
from benchmarks.report.literature import Published


def test_every_published_figure_names_a_source_that_is_listed():
    listed = {source.key for source in literature.SOURCES}
    values = list(vars(literature).values())
    figures = [value for value in values if isinstance(value, Published)]
    for value in values:
        if isinstance(value, tuple) and not isinstance(value, Published):
            figures += [figure for figure in value if isinstance(figure, Published)]
    assert len(figures) > 15 and {figure.source for figure in figures} <= listed
