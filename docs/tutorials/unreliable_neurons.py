# %% [markdown]
# # Compute with unreliable neurons
#
# Neurons are noisy and some of them fail, and brains compute reliably all the same. One idea how:
# *codes that correct errors while they compute* (Zlokapa and others 2022). Grid cells hold a place
# as phases of several periods. Here two bits are held that way, added in phase space, read again,
# and the answer is coded anew.

# %%
import numpy as np

from biograd.pictures.studies.grid_code import Rates, errors
from biograd.studies import grid_code as gc

rng = np.random.default_rng(0)
code = gc.GridCode(periods=(3, 4, 5, 7, 11), phase_noise=0.1)
error = gc.gate_error(code, gate="nand", rng=rng)
print(
    f"one NAND gate of {code.neurons} neurons: {error.rate:.2%} wrong"
    f" ({error.low:.2%} to {error.high:.2%})"
)

# %% [markdown]
# ## Noise in the phases
#
# More copies of the five modules average the noise away. Whatever the noise, the error falls with
# each doubling: there is no noise at which copies stop helping.

# %%
noises = [0.05, 0.1, 0.15, 0.2, 0.25, 0.3]
curves = {}
for copies in (1, 2, 4, 8):
    rates = [
        gc.gate_error(gc.GridCode(copies=copies, phase_noise=noise), trials=4000, rng=rng)
        for noise in noises
    ]
    columns = np.array(rates).T.tolist()
    curves[f"{copies} copies"] = Rates(noises, *columns)
errors(curves, x="phase noise (periods)", y="wrong answers", floor=1e-4)

# %% [markdown]
# ## Copies that are faulty
#
# But one decoder is a single point of failure: where it sends the wrong bit, averaging its inputs
# does not help. So each wire of a circuit gets copies too. Each copy of a gate has a decoder of its
# own and reads three copies of either input. A fraction of all copies sends the wrong bit.

# %%
circuit = gc.nand_circuit(depth=20, width=2, rng=rng)
bits = rng.integers(0, 2, (40, 2))
right = gc.ideal(circuit, bits)[-1]
faults = [0.04, 0.08, 0.12, 0.16, 0.2]
curves = {}
for copies in (5, 15, 45):
    rates = []
    for fault in faults:
        p = gc.Multiplexing(copies=copies, fault=fault)
        *_, last = gc.run_circuit(circuit, bits, gc.GridCode(periods=(3, 4, 5)), p, rng)
        wrong = int((gc.majority(last) != right).sum())
        rates.append(gc.error_rate(wrong, right.size))
    columns = np.array(rates).T.tolist()
    curves[f"{copies} copies"] = Rates(faults, *columns)
errors(curves, x="fraction of faulty copies", y="wrong after 20 layers", floor=3e-3)

# %% [markdown]
# These curves cross. Below a *threshold* of about 13 %, more copies make the circuit as reliable as
# one likes, however deep it is. Above it, every layer loses a little of the answer, and copies do
# not bring it back. The threshold comes from decoders that read few copies and can be faulty
# themselves, not from noise in the phases. [Results](../results.md) has it with its uncertainty.
#
# ## Try next
#
# - `gc.GridCode(unit_noise=0.5)` and `gc.GridCode(synapses=0.1)`: other neurons and synapses fail.
# - `gc.multiplier()`: a circuit that multiplies two numbers of two bits.
# - `gc.Multiplexing(reads=5)`: decoders that read more copies. Where does the threshold go?
# - [Separate sources](separate_sources.py): another thing that two compartments can do.
