"""The check of the page against the emulator: equal where it should be, and able to see a
difference.
"""

from __future__ import annotations

import pytest

from biograd.deployment import chip_spikes
from biograd.drawing import check, html
from hardware import emulator

needs_node = pytest.mark.skipif(
    not check.has_node(), reason="no node on this machine: the page's JavaScript is not run"
)


@needs_node
def test_test_images_get_the_emulators_spikes_counts_and_answers(untrained, images):
    model, fixed = untrained
    samples = images("test")
    emulated = emulator.run(fixed, chip_spikes(model, samples), record=("s",))
    answers = check.in_node(html.network(fixed, model=model), samples.x.numpy())
    c = check.compare(answers, emulated)
    assert (c.samples, c.answers_differ, c.counts_differ, c.spikes_differ) == (300, 0, 0, 0)
    assert c.milliseconds[0] < 50
    # a net worth comparing
    assert len(set(emulated.predictions)) > 1
    assert all(0.02 < s.mean() < 0.9 for s in emulated.s or ())


@needs_node
def test_a_difference_is_seen(untrained, images):
    model, fixed = untrained
    samples = images("test", 20)
    net = html.network(fixed, model=model)
    net["layers"][1]["vth"] += 40
    emulated = emulator.run(fixed, chip_spikes(model, samples), record=("s",))
    c = check.compare(check.in_node(net, samples.x.numpy()), emulated)
    assert c.spikes_differ > 0 and c.counts_differ > 0


def test_without_node_or_with_a_broken_script_the_check_says_so(monkeypatch):
    if check.has_node():
        with pytest.raises(ValueError, match="node failed"):
            check.node("throw new Error('x');", {})
    monkeypatch.setattr(check.shutil, "which", lambda name: None)
    with pytest.raises(ValueError, match="no 'node'"):
        check.node("return 1;", {})
    with pytest.raises(ValueError, match="no Chromium"):
        check.open_page("<body></body>", "return 1;")
