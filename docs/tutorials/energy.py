# %% [markdown]
# # Read the energy report
#
# Neuromorphic papers like to say "400 times less energy". This page shows where such a number
# comes from in BioGrad, step by step, so that you can judge which part of it to believe. Two words
# matter on every line:
#
# - **measured**: a meter was read (NVML for a GPU, RAPL for a CPU), with device, seeds and
#   spread.
# - **modelled**: operations were counted exactly, then multiplied by published constants. All
#   joules on Loihi are modelled, because no board was available.
#
# `biograd benchmark --suite energy` and `biograd report` do all of this for your run. Here we
# do it by hand.

# %%
import torch

import biograd as bg
from biograd.deployment import chip_spikes
from biograd.pictures import charts
from biograd.pictures.units import engineering
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
    print(f"{name.replace('_', ' '):>20}: {count:10,.1f} per sample")

# %% [markdown]
# A *synaptic operation* is one spike crossing one synapse. A network of 784-100-10 has 79,400
# synapses, so a network without spikes would compute 1.27 million products in 16 steps. Silence
# saves energy: a black pixel never causes a synaptic operation.

# %%
dense = 16 * sum(layer.w.size for layer in fixed.layers)
used = result.operations.per_sample()["synaptic_operations"] / dense
print(f"{used:.1%} of the products that a dense network would compute in 16 steps")

# %% [markdown]
# ## Step 2: multiply
#
# Davies et al. 2018 give the energy of one operation of each kind. These values come from
# simulations before production, and some are stated as minima. So a constant can be an interval,
# and then the result is an interval, too. A single number would be false precision.


# %%
def joules(value: float) -> str:
    return engineering(value, "J")


cores = [layer.cores for layer in limits.check(fixed).layers]
energy = estimate(result.operations, cores, DAVIES2018)
for name in (
    "synaptic_operations",
    "neuron_updates",
    "spikes",
    "messages",
    "dynamic",
    "static",
    "total",
):
    low, high = getattr(energy, name)
    print(f"{name.replace('_', ' '):>20}: {joules(low):>8} to {joules(high)}")
low, high = (engineering(seconds, "s") for seconds in energy.seconds)
print(f"{'time':>20}: {low:>8} to {high} per sample")

# %% [markdown]
# *Dynamic* energy is spent by operations and would vanish if nothing spiked. *Static* power is
# drawn while the chip is on: at least that of the cores in use, at most that of the whole chip, for
# as long as the sample takes. The wide range of the total reflects this choice, not uncertainty
# about physics. Many papers report dynamic energy alone, which can leave out the larger part.

# %%
charts.log_ranges(
    [
        charts.Quantity(name, *getattr(energy, name), False)
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
    print(f"{name}: {joules(low)} to {joules(high)} per sample")

# %% [markdown]
# And which constant would change the result most if it were wrong by a factor of three? That one
# should be measured first.


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
print(f"the total depends most on the {rows[0][0]}, least on the {rows[-1][0]}")
charts.tornado(rows, total(), unit="J")

# %% [markdown]
# ## Step 4: save
#
# How could you save energy? Show each sample for fewer steps, and see how much accuracy it costs.

# %%
for steps in (16, 12, 8, 5, 3):
    shorter = bg.to_model(net, learner.feedback, steps=steps, encoder="integrate_and_fire", info={})
    integers = quantise(shorter, calibration=chip_spikes(shorter, train.subset(slice(0, 300))))
    run = emulator.run(integers, chip_spikes(shorter, test))
    right, (low, high) = run.accuracy(test.y.numpy()), estimate(run.operations, cores).total
    print(f"{steps:2} steps: {right:.1%} right, {joules(low)} to {joules(high)}")

# %% [markdown]
# ## What about the GPU?
#
# `biograd benchmark --suite energy` reads a meter where there is one: NVML on an NVIDIA GPU,
# RAPL on a Linux CPU. Without a meter it reports seconds only; it never guesses watts. The report
# then divides *measured* GPU joules by *modelled* Loihi joules, at batch size 1 and at the GPU's
# best batch size, and prints both ratios. At batch size 1 a GPU idles most of the time, which
# flatters the chip. If you see only one of the two ratios, ask for the other.
#
# ## Try next
#
# - Train with `steps=3` from the start instead of shortening a trained network's samples. How much
#   accuracy comes back?
# - `quantise(model, weight_bits=4)` halves the synapse memory. What happens to the number of cores?
# - `biograd report RUN` shows all of this for your run. The constants and their sources are in
#   `hardware/energy.py`.
# - `biograd draw RUN` shows the modelled energy of every digit that you draw.
