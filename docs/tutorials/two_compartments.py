# %% [markdown]
# # Two compartments
#
# A neuron in BioGrad has two places where voltage builds up. The **soma** adds up what other
# neurons send and fires when it has enough. The **apical dendrite** hears only the error
# neurons, and never makes its own neuron fire: it tells the synapses which way to change.
#
# That is the whole trick. A network that learns by backpropagation has to stop, turn around and
# send errors back through the same connections. Here both directions run at the same time, in
# two compartments that do not disturb each other.
#
# This page takes one neuron apart. Time goes in steps; voltages are measured in thresholds, so
# a soma above 1 fires.

# %%
import numpy as np
import torch

import biograd as bg
from biograd.pictures import plots
from biograd.traces import TraceState

p = bg.TwoCompartmentParams(alpha_a=0.5)

# %% [markdown]
# ## The soma
#
# A spike that arrives adds to the current `u`, and the current charges the voltage `v`:
#
#     u[t] = alpha_u u[t-1] + input[t]
#     v[t] = alpha_v v[t-1] (1 - s[t-1]) + u[t]
#     s[t] = 1 where v[t] > 1
#
# Both leak (half of `u` and three quarters of `v` are kept per step), so old spikes are forgotten;
# and after a spike of its own the soma starts again from zero. We send one neuron three spikes
# through a synapse of weight 0.34, and later three more in a row.

# %%
T, w = 16, 0.34
s_in = torch.zeros(T)
s_in[[1, 4, 7, 10, 11, 12]] = 1

state, v, s = bg.TwoCompartmentLIF(p).rest(torch.zeros(1, 1)), [], []
for t in range(T):
    state = bg.soma_step(state, (w * s_in[t]).reshape(1, 1), p)
    v.append(float(state.v))
    s.append(int(state.s))
print("in ", " ".join(str(int(spike)) for spike in s_in))
print("out", " ".join(map(str, s)))

# %% [markdown]
# Three spikes spread out leak away. Three in a row arrive faster than they leak, and the soma
# fires.
#
# ## The apical dendrite
#
# Suppose this neuron should have helped some output neuron to fire, and that output stayed
# silent in steps 9 to 13 (counted from 0). Then the output's error neuron says `+1` in each of
# those steps: *too few spikes*. If the output had fired wrongly, it would say `-1`. These
# errors reach the apical dendrite through a feedback weight `w_fb`, and the apical voltage
# integrates them:
#
#     v_apical[t] = alpha_a v_apical[t-1] + w_fb err[t]

# %%
w_fb = 0.8
err = torch.zeros(T)
err[9:14] = 1
v_apical, a = [], torch.zeros(1, 1)
for t in range(T):
    a = bg.apical_step(a, (w_fb * err[t]).reshape(1, 1), p)
    v_apical.append(float(a))
print("apical voltage", *np.round(v_apical, 2))

# %% [markdown]
# Nothing in the soma's equations mentions `v_apical`. The dendrite may shout; the neuron
# computes on undisturbed. That is why the network can answer and learn at once, with no
# separate backward pass.
#
# ## The synapse puts the two together
#
# Which synapses should change? Those that had a say. Each one keeps a trace `z` of the spikes
# that came in through it, which rises and leaks as they do in the soma. A spike can only be won
# or lost where the voltage is near the threshold; that is `psi`, which is 1 there and 0
# elsewhere. Their product is the **eligibility**: *how much would my weight have mattered just
# now?*

# %%
trace = TraceState(torch.zeros(1, 1), torch.zeros(1, 1))
z = []
for t in range(T):
    trace = bg.trace_step(trace, s_in[t].reshape(1, 1), bg.TraceParams())
    z.append(float(trace.z))
psi = bg.surrogate_slope(torch.tensor(v), p)
eligibility = psi.numpy() * np.array(z)
plots.compartments(
    np.array(v),
    np.array(v_apical),
    eligibility,
    np.array(s),
    title="One neuron and one of its synapses",
)

# %% [markdown]
# Read the picture from top to bottom: the soma charges and fires; the apical dendrite hears the
# error a little later; the green synapse knows when it mattered. The change of the weight is
# the product of the last two, summed over time. Everything it needs is available at the synapse: no
# other weight, no later time step, no global signal but the error spikes.

# %%
dw = float(np.mean(np.array(v_apical) * eligibility))
print(f"the weight should change by {dw:+.2f} times the learning rate")

# %% [markdown]
# More spikes were wanted while this synapse had its say, so it grows.
#
# The traces run forward and forget as they go, and the sum is one number per synapse: a sample of
# 10,000 steps takes no more memory than one of 10. Backpropagation through time would have to
# store every step.
#
# ## A network of them
#
# `Network` stacks such neurons, a feedback path carries the errors, and `LocalLearner` does for
# every synapse what we just did by hand. Twenty inputs, two classes: the first ten inputs fire
# for class 0, the others for class 1, half of the time.

# %%
rng = torch.Generator().manual_seed(1)
net = bg.Network((20, 16, 2), generator=rng)
learner = bg.LocalLearner(net, bg.RandomDFA(net, generator=rng))
optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)


def samples(n: int) -> tuple[torch.Tensor, torch.Tensor]:
    labels = torch.randint(2, (n,), generator=rng)
    rate = 0.05 + 0.45 * (torch.arange(20) // 10 == labels[:, None])
    return (torch.rand(T, n, 20, generator=rng) < rate).float(), labels


right = []  # fraction of each batch
for batch in range(40):
    spikes, labels = samples(32)
    result = learner.step(spikes, labels)  # fills .grad of every weight
    optimizer.step()
    right.append(float((result.predicted == labels).float().mean()))
    if batch in (0, 9, 19, 29, 39):
        print(f"batch {batch + 1:2}: {right[-1]:4.0%} right, error {float(result.error):.2f}")

# %% [markdown]
# There was no `loss.backward()`. `learner.step` ran the network forward once, and each weight
# found its change from its own two ends.
#
# ## Try next
#
# - Set `w_fb = -0.8` above: the same error now teaches the synapse to be weaker.
# - Give `TwoCompartmentParams(window=0.3)`: eligibility becomes rare, because few steps are
#   that near the threshold.
# - `bg.LocalLearner(..., order="online")` steps all layers together and keeps running sums
#   only; the result is the same.
# - The feedback weights here are random and fixed, and it works. [Why sleep](why_sleep.py)
#   shows what they miss.
# - `biograd draw RUN` lets you look into both compartments of a network that you trained, in a
#   browser.
