"""The energy model compared with silicon, and its sensitivity to each constant."""

from __future__ import annotations

from collections.abc import Mapping

from biograd.pictures.charts import tornado
from biograd.pictures.units import engineering
from biograd.runs.records import Record

from .evidence import Evidence
from .page import Section

QUICK_COMMAND = "biograd benchmark --suite quick --run runs/mnist"


def energy_model(evidence: Evidence, pictures: Mapping[str, str]) -> Section:
    """Compare the model with measured silicon, and show the effect of a wrong constant."""
    section = Section("model", "How far the energy model can be trusted")
    by_profile = evidence.results("energy model against silicon")
    if by_profile:
        _against_silicon(section, by_profile)
    else:
        section.missing("The comparison with silicon is not recorded.", QUICK_COMMAND)
    if rows := evidence.results("loihi").get("sensitivity"):
        factor, base = rows[0]["factor"], rows[0]["total_j"]
        bars = [(row["constant"].replace("_", " "), row["low_j"], row["high_j"]) for row in rows]
        caption = (
            "Modelled joules per training sample (middle of the range) when one constant is"
            f" {factor:.0f} times smaller (blue) or larger (orange)."
        )
        section.figures((tornado(bars, base, unit="J"), caption))
    return section


def _against_silicon(section: Section, by_profile: Record) -> None:
    section.text(
        "The same model, applied to the published network of Renner et al. 2024, beside what they"
        " measured on Loihi."
    )
    rows = []
    for profile, comparisons in by_profile.items():
        for row in comparisons:
            low, high = (engineering(bound, row["unit"]) for bound in row["modelled"])
            rows.append(
                [
                    profile,
                    row["what"],
                    engineering(row["measured"], row["unit"]),
                    f"{low} – {high}",
                    f"{row['ratio']:.2f}",
                    "yes" if row["inside"] else "no",
                    row["explanation"],
                ]
            )
    columns = [
        "constants",
        "figure, per sample",
        "measured",
        "modelled",
        "middle / measured",
        "in range",
        "why they differ",
    ]
    section.table(columns, rows, numbers=(2, 3, 4), stack=True)
