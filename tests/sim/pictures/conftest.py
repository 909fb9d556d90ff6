"""Reading figures back: the words on them, and their lines."""

from __future__ import annotations

from collections.abc import Callable

import matplotlib.text
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure


@pytest.fixture
def words() -> Callable[[Figure], str]:
    """All text of a figure, joined by bars."""

    def of(figure: Figure) -> str:
        texts = figure.findobj(matplotlib.text.Text)
        return " | ".join(text.get_text() for text in texts if text.get_text())

    return of


@pytest.fixture
def line() -> Callable[[Axes, str], np.ndarray]:
    """The y values of the one curve of a colour."""

    def of(ax: Axes, colour: str) -> np.ndarray:
        (curve,) = [
            curve
            for curve in ax.lines
            if curve.get_color() == colour and len(curve.get_xdata()) > 2
        ]
        return np.asarray(curve.get_ydata())

    return of
