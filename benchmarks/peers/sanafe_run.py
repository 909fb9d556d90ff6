"""A dense network in SANA-FE's simulation of Loihi 1, run as a program in its own Python.

SANA-FE (GPL-3) is compared with, and never imported by the product: `python sanafe_run.py` reads a
network as JSON from standard input and writes spikes and joules to standard output.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any


# any: JSON; sanafe is untyped
def simulate(given: dict[str, Any]) -> dict[str, Any]:
    """Return spikes of each layer, operations and joules, over all steps.

    Args:
        given: spikes [T, inputs]; layers with w [out, in] and threshold; neurons keep their whole
            voltage and reset to 0.
    """
    import sanafe

    chip_parts, net = sanafe.load_loihi(), sanafe.Network()
    steps, inputs = len(given["spikes"]), len(given["spikes"][0])
    synapses = {"default_synapse_hw_name": "loihi_dense_synapse"}
    groups = [net.create_neuron_group("layer0", inputs, **synapses)]
    for index in range(inputs):
        train = [int(row[index]) for row in given["spikes"]]
        groups[0][index].set_attributes(
            soma_hw_name=f"loihi_inputs[{index}]",
            model_attributes={"spikes": train},
            log_spikes=True,
        )
    for number, layer in enumerate(given["layers"], start=1):
        neuron = {"threshold": float(layer["threshold"]), "leak_decay": 1.0, "reset": 0.0}
        group = net.create_neuron_group(
            f"layer{number}",
            len(layer["w"]),
            model_attributes=neuron,
            soma_hw_name="loihi_lif",
            log_spikes=True,
            **synapses,
        )
        rows = zip(*layer["w"])  # noqa: B905  # of one length; runs in any Python
        groups[-1].connect_neurons_dense(group, {"weight": [float(w) for row in rows for w in row]})
        groups.append(group)
    cores = chip_parts.cores() if callable(chip_parts.cores) else chip_parts.cores
    for group, core in zip(groups, cores):  # noqa: B905  # more cores than groups
        for neuron in group:
            neuron.map_to_core(core)
    chip = sanafe.SpikingChip(chip_parts)
    chip.load(net)
    # a spike takes a step from layer to layer
    result = chip.sim(steps + len(groups), spike_trace=True, timing_model="simple")
    fired = [0] * len(groups)
    for step in result["spike_trace"]:
        for neuron in step:
            fired[int(str(neuron).split(".")[0].removeprefix("layer"))] += 1
    return {
        "spikes": fired,
        "synaptic_operations": result["spikes"],
        "messages": result["packets_sent"],
        "energy": result["energy"],
        "seconds": result["sim_time"],
    }


if __name__ == "__main__":
    network = json.load(sys.stdin)
    # SANA-FE prints its progress on standard output
    answers, sys.stdout = sys.stdout, sys.stderr
    saved = os.dup(1)
    os.dup2(2, 1)
    found = simulate(network)
    sys.stdout.flush()
    os.dup2(saved, 1)
    answers.write(json.dumps(found) + "\n")
