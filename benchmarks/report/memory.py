"""Memory against the number of time steps."""

from __future__ import annotations

from collections.abc import Mapping

from biograd.pictures.charts import COLOURS, Line, curves

from .evidence import Evidence
from .page import Section

QUICK_COMMAND = "biograd benchmark --suite quick --run runs/mnist"


def memory(evidence: Evidence, pictures: Mapping[str, str]) -> Section:
    """Peak memory against the number of steps."""
    section = Section("memory", "Memory against time steps")
    found = evidence.named("memory")
    if not found:
        return section.missing("Memory has not been measured.", QUICK_COMMAND)
    kept = max(found, key=lambda record: (record["results"]["steps"][-1], str(record.get("when"))))[
        "results"
    ]
    lines = [
        Line(name, kept["steps"], [b / 2**20 for b in peak], COLOURS[index % len(COLOURS)])
        for index, (name, peak) in enumerate(kept["peak_bytes"].items())
    ]
    figure = curves(lines, x="time steps T", y="peak of one learning step (MiB)", log=True)
    caption = (
        f"784-256-256-10, batch {kept['batch']}; tensors allocated in one learning step, exact to"
        " the byte. The input spikes themselves are not counted, nor the compiled loops' scratch"
        f" (4 bytes per neuron and step of one sample). Online: {kept['online_growth']:.2f} times"
        f" from T = {kept['steps'][0]} to {kept['steps'][-1]}."
    )
    return section.figures((figure, caption))
