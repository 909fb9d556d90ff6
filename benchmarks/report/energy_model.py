"""The energy model held against silicon, and what a wrong constant would do."""

from __future__ import annotations

from collections.abc import Mapping

from biograd.pictures.charts import engineering, tornado

from .evidence import Evidence
from .page import Section

QUICK_COMMAND = "biograd benchmark --suite quick --run runs/mnist"


def energy_model(evidence: Evidence, pictures: Mapping[str, str]) -> Section:
    """The model held against silicon, and what a wrong constant would do."""
    section = Section("model", "How far the energy model can be trusted")
    found = evidence.results("energy model against silicon")
    if found:
        section.text(
            "The same model, given the published network of Renner et al. 2024, beside what they"
            " measured on Loihi."
        )
        rows = [
            [
                profile,
                row["what"],
                engineering(row["measured"], row["unit"]),
                (
                    f"{engineering(row['modelled'][0], row['unit'])} –"
                    f" {engineering(row['modelled'][1], row['unit'])}"
                ),
                f"{row['ratio']:.2f}",
                "yes" if row["inside"] else "no",
                row["explanation"],
            ]
            for profile, compared in found.items()
            for row in compared
        ]
        columns = [
            "constants",
            "figure, a sample",
            "measured",
            "modelled",
            "middle / measured",
            "in range",
            "why they differ",
        ]
        section.table(columns, rows, numbers=(2, 3, 4), stack=True)
    else:
        section.missing("The comparison with silicon is not recorded.", QUICK_COMMAND)
    chip = evidence.results("loihi")
    if chip.get("sensitivity"):
        rows_s = chip["sensitivity"]
        factor, base = rows_s[0]["factor"], rows_s[0]["total_j"]
        bars = [(row["constant"].replace("_", " "), row["low_j"], row["high_j"]) for row in rows_s]
        caption = (
            "Modelled joules per training sample (middle of the range) when one constant is"
            f" {factor:.0f} times smaller (blue) or larger (orange)."
        )
        section.figures((tornado(bars, base, unit="J"), caption))
    return section
