"""Text from files and errors is printed in one short line."""

from __future__ import annotations

from hardware.border.printable import one_line, printable, quoted


def test_letters_that_cannot_be_printed_become_question_marks():
    assert printable("a\x1b[2J\nb") == "a?[2J?b"


def test_long_text_is_cut_and_says_so():
    assert printable("x" * 300) == "x" * 200 + "..."
    assert printable("x" * 200) == "x" * 200
    assert printable("abcdef", 3) == "abc..."


def test_a_name_is_quoted_in_ascii_and_at_most_60_letters():
    assert quoted("w1") == "'w1'"
    assert quoted("\u03b1") == r"'\u03b1'"
    assert len(quoted("x" * 1000)) <= 60 and quoted("x" * 1000).endswith("...'")


def test_an_error_is_told_in_one_line_or_by_its_class():
    assert one_line(ValueError("first\n  second")) == "first second"
    assert one_line(ValueError()) == "ValueError"
