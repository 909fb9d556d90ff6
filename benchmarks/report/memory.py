"""Memory against the number of time steps."""

from __future__ import annotations

from collections.abc import Mapping

from biograd.pictures.charts import COLOURS, Line, curves

from .evidence import Evidence
from .page import Section

QUICK_COMMAND = "biograd benchmark --suite quick --run runs/mnist"


def memory(evidence: Evidence, pictures: Mapping[str, str]) -> Section:
    """Show peak memory against the number of steps, of the record with the longest samples."""
    section = Section("memory", "Memory against time steps")
    records = evidence.named("memory")
    if not records:
        return section.missing("Memory has not been measured.", QUICK_COMMAND)
    longest = max(
        records, key=lambda record: (record["results"]["steps"][-1], str(record.get("when")))
    )
    r = longest["results"]
    steps = r["steps"]
    lines = [
        Line(name, steps, [peak / 2**20 for peak in peaks], COLOURS[index % len(COLOURS)])
        for index, (name, peaks) in enumerate(r["peak_bytes"].items())
    ]
    figure = curves(lines, x="time steps T", y="peak of one learning step (MiB)", log=True)
    caption = (
        f"784-256-256-10, batch {r['batch']}; tensors allocated in one learning step, exact to the"
        " byte. Not counted: the input spikes, and the compiled loops' scratch arrays (4 bytes per"
        f" neuron and step of one sample). Online: {r['online_growth']:.2f} times from"
        f" T = {steps[0]} to {steps[-1]}."
    )
    return section.figures((figure, caption))
