# %% [markdown]
# # Train, deploy, and learn on the chip
#
# One network in three stages: trained in floating point, deployed to the integers of Intel's Loihi,
# and then trained further *there*, sample by sample, with integer weights and 7-bit traces. On the
# command line the stages are
#
#     biograd train --preset mnist
#     biograd export runs/mnist
#     biograd deploy runs/mnist/model.nir --target lava
#     biograd learn --model runs/mnist/model.nir
#
# Here we go through them in Python, with a small network and few images.

# %%
import dataclasses
import tempfile
from pathlib import Path

import torch

import biograd as bg
from biograd.deployment import chip_spikes
from biograd.pictures import charts, style
from hardware import emulator, limits
from hardware.border.files import read_model, write_model
from hardware.fixed_point import quantise
from hardware.learning.emulator import evaluate, learn
from hardware.learning.params import ChipLearningParams
from hardware.learning.state import from_model, to_model

torch.set_num_threads(1)
train = bg.load("mnist", "train").subset(slice(0, 6000))
test = bg.load("mnist", "test").subset(slice(0, 2000))

# %% [markdown]
# ## Train
#
# We hold back the nines: the network will see its first nine on the chip.

# %%
known = train.subset(torch.nonzero(train.y != 9)[:, 0])
net = bg.Network((784, 100, 10), generator=torch.Generator().manual_seed(0))
learner = bg.LocalLearner(net, bg.SleepAligned(net, generator=torch.Generator().manual_seed(1)))
params = bg.TrainParams(epochs=3, batch=50, steps=16)
for record in bg.Trainer(
    learner, torch.optim.Adam(net.parameters(), lr=2e-3), known, params=params
).run():
    print(f"epoch {record['epoch']}: {record['train_accuracy']:.1%} right, without nines")

# %% [markdown]
# ## Export
#
# The network is exported as a NIR file: standard nodes (`Affine` and `CubaLIF`) that other tools
# can read. Feedback weights, encoder and training settings are stored as metadata.

# %%
model = bg.to_model(
    net,
    learner.feedback,
    steps=params.steps,
    encoder="integrate_and_fire",
    info={"dataset": "mnist"},
)
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "model.nir"
    write_model(model, path)
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")
    model = read_model(path)

# %% [markdown]
# ## Deploy
#
# On Loihi a weight is an even number from -256 to 254 and a voltage an integer of 24 bits.
# `quantise` chooses the scale of each layer that loses least; a few samples show it which inputs
# matter. Then every limit of the chip is checked *before* anything runs, because Lava itself would
# wrap or clip values silently.

# %%
fixed = quantise(model, calibration=chip_spikes(model, known.subset(slice(0, 300))))
fit = limits.check(fixed)
for layer, cost in zip(fit.layers, fixed.report.layers, strict=True):
    words, limit = layer.synapse_words
    print(f"{layer.name}: {layer.neurons} neurons, {layer.cores} core(s), {words} of {limit} words")
    print(f"  rounding: {cost.weight_error_rms:.4f} thresholds, {cost.clipped_weights} clipped")

# %%
spikes = chip_spikes(model, test)
result = emulator.run(fixed, spikes, record=("s",))
old = test.y.numpy() != 9
simulated = bg.evaluate(net, test, steps=params.steps).test_accuracy
print(f"simulator {simulated:.1%}, chip's integers {result.accuracy(test.y.numpy()):.1%}")
right = result.predictions == test.y.numpy()
print(f"on digits it knows {right[old].mean():.1%}, on nines {right[~old].mean():.1%}")

# %% [markdown]
# The emulator is not an approximation of Lava: `biograd deploy --target lava` also runs Lava's own
# simulation and counts the samples in which a spike count differs. So far there were none.
#
# ## Learn on the chip
#
# Now the nines arrive, mixed with known digits, one sample at a time. The chip has no optimizer and
# no batch: after each sample, every synapse adds a product of two small integers,
# `dw = 2^e x1 y2`, rounded at random. `x1` is the trace of its input, and `y2` the apical voltage
# received while the soma was near the threshold. The feedback weights, too, are learned on the
# chip, in its nights.

# %%
state = from_model(model, dataclasses.replace(ChipLearningParams(), gain_hidden=60, gain_output=50))
pixels, labels = train.x.flatten(1).numpy(), train.y.numpy()
pixels_test, labels_test = test.x.flatten(1).numpy(), test.y.numpy()


def measured() -> tuple[float, float]:
    """Return right answers in percent: on the digits it knew, and on nines."""
    on_known = evaluate(state, pixels_test[old], labels_test[old])
    on_nines = evaluate(state, pixels_test[~old], labels_test[~old])
    return 100 * on_known, 100 * on_nines


curve = [(0, *measured())]
for record in learn(state, pixels, labels):
    curve.append((record.samples, *measured()))
for samples, on_known, on_nines in curve[:: max(1, len(curve) // 4)]:
    print(f"after {samples:5,}: {on_known:.1f} % of the known, {on_nines:.1f} % of the nines")

# %%
seen, on_known, on_nines = zip(*curve, strict=True)
charts.curves(
    [
        charts.Line("digits it knew", seen, on_known, style.BLUE),
        charts.Line("nines", seen, on_nines, style.ORANGE),
    ],
    x="samples seen on the chip",
    y="right answers (%)",
    low=0,
)

# %% [markdown]
# The network learned a new class without leaving the chip. The learned weights are read back as a
# model whose weights are exact multiples of the chip's unit, so that it deploys to the same
# integers:

# %%
again = emulator.run(quantise(to_model(state)), spikes)
on_chip, deployed = evaluate(state, pixels_test, labels_test), again.accuracy(labels_test)
print(f"chip {on_chip:.2%}, exported and deployed again {deployed:.2%}")

# %% [markdown]
# ## Try next
#
# - Show it nines *alone* (`pixels[labels == 9]`): it learns them and forgets the others. Mixing in
#   old digits, or lower gains, prevents that.
# - `ChipLearningParams(rounding="stock")` draws one random number for a whole matrix, as Lava's
#   stock model does. How much accuracy does that cost?
# - `biograd learn --hidden 100 --epochs 3` learns all of MNIST in the chip's integers, starting
#   from random weights: 96.5 %.
# - `biograd learn --target lava --samples 500` runs the same learning inside Lava's engine and
#   compares every weight and trace.
# - [Read the energy report](energy.py) shows how to model the energy of all this.
