# %% [markdown]
# # Separate sources
#
# Several sources sound at once, and several receivers each hear a different mixture of them. Which
# sounds are there? The problem is solved by *independent component analysis* (ICA), usually by
# methods that look at all samples at once. Neurons with two compartments can do it too (Bahroun,
# Chklovskii and Sengupta 2021):
#
# - the **dendrite** sums the inputs, `c = W x`;
# - the **soma** settles, against lateral inhibition, at `y = M^-1 c`: one source per neuron;
# - a feed-forward synapse changes by `(y - |y|^2 Lambda c) x`, a lateral one by `y y - 1`.
#
# Each synapse sees the activity on its two sides, and one number for the whole population: its
# total activity `|y|^2`, as a modulator could carry it. `Lambda` holds a constant of each neuron.

# %%
import numpy as np

from biograd.pictures.studies import separation as pictures
from biograd.studies.ica import TwoCompartmentICA
from biograd.studies.mixtures import mixture
from biograd.studies.separation import amari_index, fast_ica, fobi, match

m = mixture("periodic", seed=0)
print(f"{len(m.sources)} sources, {m.x.shape[1]:,} samples")

# %% [markdown]
# A square wave, a sine, a sawtooth and noise, mixed by random numbers. We let the rule learn in
# batches, and then look at the sources, at what the neurons hear, and at what they answer.

# %%
ica = TwoCompartmentICA(seed=1)
y = ica.fit(m.x, steps=30_000)
matched = match(m.sources, y)
print("correlation with each source:", matched.correlation.round(3))

# %%
order = matched.order
signs = np.sign((m.sources * y[order]).sum(axis=1, keepdims=True))
shown = {"sources": m.sources, "mixtures": m.x, "separated": signs * y[order]}
pictures.waves({name: part[:, :160].tolist() for name, part in shown.items()}, ms=0.1)

# %% [markdown]
# Order and sign of the answers are arbitrary, so `match` pairs each source with one answer.
#
# ## Beside FOBI and FastICA
#
# At its fixed point the rule solves the equations of FOBI, a method of two eigenvalue problems. So
# it should end at FOBI's error. FastICA uses more than fourth moments.

# %%
for name, unmixing in (
    ("the rule", ica.unmixing),
    ("FOBI", fobi(m.x).unmixing),
    ("FastICA", fast_ica(m.x, rng=np.random.default_rng(0))),
):
    error = match(m.sources, unmixing @ m.x).error.mean()
    print(f"{name:8} error {error:.4f}, Amari index {amari_index(unmixing, m.mixing):.3f}")

# %% [markdown]
# ## One sample at a time
#
# A synapse cannot wait for a batch. Online, each sample changes the weights when it arrives, and
# the step size falls slowly. The answers are noisier.

# %%
online = TwoCompartmentICA(seed=1)
heard, right = [], []
for samples, unmixing in online.steps(m.x, steps=60_000, mode="online", every=6000):
    heard.append(samples)
    right.append(match(m.sources, unmixing @ m.x).error.mean())
reference = match(m.sources, fobi(m.x).unmixing @ m.x).error.mean()
pictures.convergence([list(zip(heard, right, strict=True))], [reference], x="samples heard")

# %% [markdown]
# ## Try next
#
# - `mixture("voices", seed=0)`: two synthesised voices and noise; `mixture("patches", seed=0)`:
#   three pieces of a photograph.
# - `TwoCompartmentICA(decorrelate=False)` leaves out the first stage, which decorrelates the
#   inputs: mild mixtures are still separated, others take many times as long.
# - Two Gaussian sources have the same kurtosis, and no method of fourth moments tells them apart:
#   `fit` says so instead of answering.
# - `biograd benchmark --suite studies` repeats this over ten seeds and three tasks; see
#   [Results](../results.md).
