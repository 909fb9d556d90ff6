"""The page as text: complete, closed to the network and to foreign names, and refused where it
cannot be.
"""

from __future__ import annotations

import re

import numpy as np
import pytest

from biograd.drawing import html
from hardware.border.model import Model
from hardware.fixed_point import FixedPointLayer, FixedPointModel


def test_the_page_needs_no_network_and_no_other_file(untrained, images):
    page = untrained.page(images("test", 5), facts=("a < b",))
    assert "default-src 'none'" in page and '<meta name="viewport"' in page and "a &lt; b" in page
    code = re.sub(r'<script type="application/json".*?</script>', "", page, flags=re.DOTALL)
    loads = r"\bsrc=|\bhref=|@import|url\(|\bfetch\(|XMLHttpRequest|\bimport\b"
    assert not re.search(loads + r"|https?://(?!www\.w3\.org/2000/svg)", code)


def test_names_cannot_break_out_of_the_page(untrained, images):
    evil = "</script><script>alert(1)//"
    page = untrained.page(images("test", 2), title="<b>", classes=[evil] * 10)
    assert page.count("</script>") == 4 and "<title>&lt;b&gt;</title>" in page


def test_a_network_that_the_page_does_not_know_is_refused_in_one_line(untrained, images):
    model, fixed = untrained
    odd = Model(layers=model.layers, steps=10, encoder="bursts")
    with pytest.raises(ValueError, match="encoder is 'bursts'; the page knows integrate_and_fire"):
        html.network(fixed, model=odd)
    with pytest.raises(ValueError, match="error is 'mine'"):
        html.network(fixed, model=model, error="mine")
    w, no_bias = np.ones((10, 50), int) * 2, np.zeros((10, 0), int)
    narrow = FixedPointModel(layers=(FixedPointLayer(w=w, w_bias=no_bias, vth=50),), steps=4)
    two = images("test", 2)
    with pytest.raises(ValueError, match="takes 50 inputs"):
        html.render(html.network(narrow), two.x.numpy(), two.y.numpy())
