"""Refusals in one line, from the boxes that tyro draws."""

from __future__ import annotations

import pytest

from biograd.commands.refusals import as_typed, one_line

FRAMED = """
╭─ Unrecognized options ─────────────╮
│ Unrecognized options: --hiden, 3   │
│ ────────────────────────────────── │
│ Perhaps you meant:                 │
│     --hidden [INT [INT ...]]       │
│         neurons (default: 256)     │
│ ────────────────────────────────── │
│ For full helptext, run it --help   │
╰────────────────────────────────────╯
"""
BARE = """Unrecognized options
 ----------------------------------
  Unrecognized options: --hiden, 3
  ----------------------------------
  Perhaps you meant:
      --hidden [INT [INT ...]]
          neurons (default: 256)
  ----------------------------------
  For full helptext, run it --help
"""


@pytest.mark.parametrize("box", [FRAMED.strip(), BARE])
def test_a_box_with_or_without_a_frame_is_one_line_with_the_nearest_flag(box: str) -> None:
    assert one_line(box) == "Unrecognized options: --hiden, 3; did you mean --hidden?"


def test_a_flag_that_only_shares_a_word_with_the_value_is_not_named() -> None:
    message = "sleep.steps is 0; need at least 1"
    assert as_typed(message, ["--steps", "5"]) == message
    assert as_typed(message, ["--steps", "5", "--sleep.steps=0"]) == f"--{message}"
