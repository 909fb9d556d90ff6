# %% [markdown]
# # Read the energy report
#
# Neuromorphic papers like to say "400 times less energy". This page shows where such a number
# comes from in BioGrad, piece by piece, so that you can tell which part of it to believe. Two
# words matter on every line:
#
# - **measured**: a meter was read (NVML for a GPU, RAPL for a CPU), with device, seeds and
#   spread.
# - **modelled**: operations were counted exactly, then multiplied by published constants. All
#   joules on Loihi are modelled: no board was at hand.
#
# `biograd benchmark --suite energy` and `biograd report` do all of this for your run. Here we
# do it by hand.

# %%
import torch

import biograd as bg
from biograd.deployment import chip_spikes
from biograd.pictures import charts
from hardware import emulator, limits
from hardware.energy import DAVIES2018, PROFILES, Interval, estimate, override
from hardware.fixed_point import quantise

torch.set_num_threads(1)
train = bg.load("mnist", "train").subset(slice(0, 4000))
test = bg.load("mnist", "test").subset(slice(0, 1000))
net = bg.Network((784, 100, 10), generator=torch.Generator().manual_seed(0))
learner = bg.LocalLearner(net, bg.SleepAligned(net, generator=torch.Generator().manual_seed(1)))
for _ in bg.Trainer(
    learner,
    torch.optim.Adam(net.parameters(), lr=2e-3),
    train,
    params=bg.TrainParams(epochs=2, batch=50, steps=16),
).run():
    pass
model = bg.to_model(net, learner.feedback, steps=16, encoder="integrate_and_fire", info={})
fixed = quantise(model, calibration=chip_spikes(model, train.subset(slice(0, 300))))

# %% [markdown]
# ## Step 1: count
#
# The emulator does what the chip would do, so it can count. Nothing here is an estimate.

# %%
result = emulator.run(fixed, chip_spikes(model, test))
for name, count in result.operations.per_sample().items():
    print(f"{name.replace('_', ' '):>20}: {count:10,.1f} a sample")

# %% [markdown]
# A *synaptic operation* is one spike crossing one synapse. A network of 784-100-10 has 79,400
# synapses, and 16 steps would make 1.27 million products in a network without spikes. Silence
# is what saves: an input pixel that is black never costs a synaptic operation.

# %%
dense = 16 * sum(layer.w.size for layer in fixed.layers)
used = result.operations.per_sample()["synaptic_operations"] / dense
print(f"{used:.1%} of the products that a dense network would compute in 16 steps")

# %% [markdown]
# ## Step 2: multiply
#
# Davies et al. 2018 give energies for one operation of each kind. They are pre-silicon and some
# are stated as minima, so a constant can be an interval, and then the result is an interval
# too. A single number would be false precision.


# %%
def joules(value: float) -> str:
    return charts.engineering(value, "J")


cores = [layer.cores for layer in limits.check(fixed).layers]
found = estimate(result.operations, cores, DAVIES2018)
for name in (
    "synaptic_operations",
    "neuron_updates",
    "spikes",
    "messages",
    "dynamic",
    "static",
    "total",
):
    low, high = getattr(found, name)
    print(f"{name.replace('_', ' '):>20}: {joules(low):>8} to {joules(high)}")
low, high = (charts.engineering(seconds, "s") for seconds in found.seconds)
print(f"{'time':>20}: {low:>8} to {high} a sample")

# %% [markdown]
# *Dynamic* energy is spent by operations and would vanish if nothing spiked. *Static* power
# flows as long as the chip is on: at least that of the cores in use, at most that of the whole
# chip, for as long as the sample takes. The wide range of the total is that choice, and not
# uncertainty about physics. Dynamic energy alone, which many papers report, can leave out the
# larger part.

# %%
charts.log_ranges(
    [
        charts.Quantity(name, *getattr(found, name), False)
        for name in ("synaptic_operations", "neuron_updates", "messages", "static", "total")
    ],
    unit="J",
)

# %% [markdown]
# ## Step 3: doubt
#
# Does another source agree? SANA-FE's constants were calibrated on silicon.

# %%
for name, profile in PROFILES.items():
    low, high = estimate(result.operations, cores, profile).total
    print(f"{name}: {joules(low)} to {joules(high)} a sample")

# %% [markdown]
# And which constant would change the answer most if it were off by a factor of three? That one
# deserves a measurement first.


# %%
def total(**constants: float | Interval) -> float:
    return estimate(result.operations, cores, override(DAVIES2018, **constants)).total.middle


rows = []
for name in ("synaptic_operation", "active_update", "message", "core_power", "chip_power"):
    value = getattr(DAVIES2018, name)
    off = [
        value.scaled(factor) if isinstance(value, Interval) else value * factor
        for factor in (1 / 3, 3)
    ]
    rows.append((name.replace("_", " "), total(**{name: off[0]}), total(**{name: off[1]})))
rows.sort(key=lambda row: row[1] - row[2])
print(f"the total hangs most on the {rows[0][0]}, least on the {rows[-1][0]}")
charts.tornado(rows, total(), unit="J")

# %% [markdown]
# ## Step 4: save
#
# What could you do about it? Show each sample for fewer steps, and look at what it costs in
# accuracy.

# %%
for steps in (16, 12, 8, 5, 3):
    shorter = bg.to_model(
        net, learner.feedback, steps=steps, encoder="integrate_and_fire", info={}
    )
    integers = quantise(shorter, calibration=chip_spikes(shorter, train.subset(slice(0, 300))))
    run = emulator.run(integers, chip_spikes(shorter, test))
    right, (low, high) = run.accuracy(test.y.numpy()), estimate(run.operations, cores).total
    print(f"{steps:2} steps: {right:.1%} right, {joules(low)} to {joules(high)}")

# %% [markdown]
# ## What about the GPU?
#
# `biograd benchmark --suite energy` reads a meter where there is one: NVML on an NVIDIA GPU,
# RAPL on a Linux CPU. Where there is none, it says so and reports seconds only; it never
# guesses watts. The report then divides *measured* GPU joules by *modelled* Loihi joules at
# batch 1 and at the batch size the GPU likes best, and prints both. At batch 1 a GPU idles most
# of the time, and the ratio is flattering; whoever shows you one of the two alone should be
# asked for the other.
#
# ## Try next
#
# - Train with `steps=3` from the start instead of cutting a trained network short: how much
#   accuracy comes back?
# - `quantise(model, weight_bits=4)` halves the synapse memory; see what it does to the number
#   of cores.
# - `biograd report RUN` has all of this with your numbers, and the constants with their sources
#   in `hardware/energy.py`.
# - `biograd draw RUN` prices every digit that you draw.
