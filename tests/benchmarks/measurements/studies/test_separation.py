"""Separation measured: every method on the same mixture."""

from __future__ import annotations

from benchmarks.measurements.studies.separation import SeparationParams, described, measure

TINY = SeparationParams(steps=400, long_steps=40, online_steps=40, points=4)


def test_a_row_has_every_method_and_the_curve_of_each_form_of_the_rule() -> None:
    (row,) = measure(TINY, 0)
    methods = row["methods"]
    rules = [name for name in methods if name.startswith("rule")]
    assert set(methods) - set(rules) == {"FOBI", "FastICA"} and set(row["curves"]) == set(rules)
    for name in rules:
        steps = [step for step, _ in row["curves"][name]]
        assert len(steps) == 4 and steps == sorted(steps)
        assert row["curves"][name][-1][1] == methods[name]["error"]
    assert methods["FOBI"]["error"] < 0.01 < methods["rule, online"]["error"]
    assert {len(part) for part in row["shown"].values()} == {4}
    assert described(TINY)["task"] == "periodic"
