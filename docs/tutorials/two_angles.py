# %% [markdown]
# # Hold two angles in mind
#
# See an orientation, wait; see another one, wait; then report both. A recurrent network can learn
# to hold both at once (Cueva, Ardalan, Tsodyks and Qian 2021). How does it keep them apart?
#
# The network is one of rates: a soma `a` with a leak, the rate `h = max(tanh a, 0)` with noise,
# four outputs for the sine and cosine of both doubled angles. It learns by *e-prop*: each synapse
# keeps a trace of what it did to its neuron, and an apical compartment brings the error, over
# feedback weights that sleep aligns with the outputs. No error travels back in time.
#
# To stay within a minute, delays are short here: 8 to 12 steps, and 40 neurons.

# %%
import torch

from biograd.pictures.studies import working_memory as pictures
from biograd.studies.torus import torus, tuning_change
from biograd.studies.two_angles import TwoAnglesParams, two_angles
from biograd.studies.working_memory import MemoryParams, WorkingMemory

task = TwoAnglesParams(orientations=12, shortest=8, longest=12, stimulus=6, cue=10)
params = MemoryParams(units=40, batch=32, lr=5e-3)
trials = two_angles(3, generator=torch.Generator().manual_seed(0), p=task)
print("inputs:", list(trials.x.shape), "delays of three trials:", trials.delays.T.tolist())

# %% [markdown]
# A guess is off by 52 degrees, the root mean square over all orientations.

# %%
memory = WorkingMemory(params, task=task, seed=0)
progress = list(memory.fit(200, every=25, trials=200))
for p in progress[::2]:
    print(f"{p.batches:4} batches: first {p.first_deg:.0f}, second {p.second_deg:.0f} degrees")
pictures.learning({"local rule": [progress]}, aim=12)

# %% [markdown]
# ## The shape of the memory
#
# We let the network hold every pair of 12 by 12 angles, and look at its rates at the end of the
# last delay, on three principal components. Along a coloured ring the second angle turns; the
# colour is the first angle.

# %%
early, late = memory.held(12, delay=10)
shape = torus(late)
pictures.manifolds({"held rates": shape.projected.tolist()})

# %%
print(f"{100 * shape.four:.0f} % of the variance lies in four components")
print("angles between the planes of both items:", *(f"{d:.0f}" for d in shape.principal_deg))
print("radii in these planes:", *(f"{r:.2f}" for r in shape.radii))
change = tuning_change(early.mean(axis=1), late.mean(axis=1))
print(f"{100 * change['changed']:.0f} % of {change['tuned']:.0f} units changed their tuning")

# %% [markdown]
# On a *Clifford torus* the planes stand at right angles and the radii are equal: each angle is
# read out without disturbing the other.
#
# ## Try next
#
# - `MemoryParams(rule="bptt")` learns by backpropagation through time, from the same weights.
# - `MemoryParams(taught="cue")` gives targets in the cue alone: harder for the local rule.
# - `TwoAnglesParams()` has the paper's delays, 40 to 60 steps; `biograd benchmark --suite studies`
#   learns them, three seeds.
