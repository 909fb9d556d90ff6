# %% [markdown]
# # Add a rule in 40 lines
#
# A learning rule in BioGrad sees the two sides of each synapse and nothing else:
#
# - `g`, after the synapse: the apical voltage of the neuron, where its soma was near the
#   threshold (`v_apical psi`), `[B, N]`;
# - `s_pre`, before the synapse: the spikes that arrived, `[B, M]`.
#
# `B` samples, `N` neurons, `M` inputs. A rule is a class with three methods: `start` makes its
# state, `step` takes one time step into account, `finish` says by how much the weights should
# change. The optimizer is torch's; the rule does not know about it.
#
# We write one that is not in the library. On a chip every weight that is touched costs energy,
# so let synapses of neurons that hear only a faint error rest. Call it `Lazy`:
#
#     z[t] = keep z[t-1] + s_pre[t]
#     dw   = 1/(B T)  sum over b, t of  g z^T  where |g| > least

# %%
from typing import NamedTuple

import torch

import biograd as bg
from biograd.rules import RULES, update_over_time


class LazyState(NamedTuple):
    """What the rule remembers; its size does not depend on the number of steps."""

    z: torch.Tensor  # trace of each presynaptic neuron, [B, M]
    dw: torch.Tensor  # [N, M]
    db: torch.Tensor  # [N]


class Lazy(bg.Rule):
    """Learn only where the error is loud."""

    def __init__(self, least: float = 1.0, keep: float = 0.75) -> None:
        self.least, self.keep = least, keep

    def start(self, g: torch.Tensor, s_pre: torch.Tensor) -> LazyState:
        return LazyState(
            torch.zeros_like(s_pre),
            g.new_zeros(g.shape[1], s_pre.shape[1]),
            g.new_zeros(g.shape[1]),
        )

    def step(self, state: LazyState, g: torch.Tensor, s_pre: torch.Tensor) -> LazyState:
        z = self.keep * state.z + s_pre
        loud = g * (g.abs() > self.least)
        return LazyState(z, state.dw + loud.T @ z / len(g), state.db + loud.mean(0))

    def finish(self, state: LazyState, steps: int) -> bg.Update:
        return bg.Update(state.dw / steps, state.db / steps)


# %% [markdown]
# ## Is it right?
#
# Before training anything, find a case in which your rule must agree with something that is
# known. With `least=0` nobody rests, and then `Lazy` is the built-in `Eligibility` with a
# single trace.

# %%
generator = torch.Generator().manual_seed(0)
g, s_pre = (
    torch.randn(12, 8, 5, generator=generator),
    (torch.rand(12, 8, 20, generator=generator) < 0.3).float(),
)
ours = update_over_time(Lazy(least=0.0), g, s_pre).dw
known = update_over_time(bg.Eligibility(bg.TraceParams(alpha_x=0.0, alpha_z=0.75)), g, s_pre).dw
apart, largest = float((ours - known).abs().max()), float(known.abs().max())
print(f"largest difference {apart:.1e}, largest change {largest:.2f}")

# %% [markdown]
# ## Does it learn?
#
# An object of yours goes straight into `LocalLearner`. We ask how lazy the rule may be.

# %%
torch.set_num_threads(1)
train = bg.load("mnist", "train").subset(slice(0, 3000))
test = bg.load("mnist", "test").subset(slice(0, 1000))


class Counting(Lazy):
    """The same, and it counts how often a hidden neuron's synapses were asked to learn."""

    asked = possible = 0

    def step(self, state: LazyState, g: torch.Tensor, s_pre: torch.Tensor) -> LazyState:
        if g.shape[1] > 10:  # not the output layer
            self.asked += int((g.abs() > self.least).sum())
            self.possible += g.numel()
        return super().step(state, g, s_pre)


def trained(least: float) -> tuple[float, float]:
    net = bg.Network((784, 64, 10), generator=torch.Generator().manual_seed(0))
    feedback = bg.SleepAligned(net, generator=torch.Generator().manual_seed(1))
    rule = Counting(least)
    learner = bg.LocalLearner(net, feedback, error=bg.SignedSpikes(), rule=rule)
    params = bg.TrainParams(epochs=2, batch=50, steps=10)
    trainer = bg.Trainer(
        learner, torch.optim.Adam(net.parameters(), lr=2e-3), train, test_set=test, params=params
    )
    *_, last = trainer.run()
    return last["test_accuracy"], rule.asked / rule.possible


for least in (0.0, 0.5, 1.0, 2.0):
    accuracy, asked = trained(least)
    print(f"least {least:.1f}: {accuracy:.1%} right, {asked:5.1%} of the hidden steps taught")

# %% [markdown]
# Even with `least=0` most neurons have nothing to learn most of the time: either the output
# makes no error, or their soma is far from the threshold. That is why local learning can be
# cheap on a chip that pays per update.
#
# ## Give it a name
#
# One line makes the rule known to configurations, so that `RunConfig(rule="lazy")` and a TOML
# file can ask for it. In the library that line is the table at the end of `biograd/rules.py`,
# and a test there runs every member through the same contract.

# %%
RULES["lazy"] = Lazy
experiment = bg.Experiment.from_config(
    bg.RunConfig(rule="lazy", hidden=(64,), limit=1000, epochs=1, threads=1)
)
(record,) = experiment.trainer.run()
print(f"{experiment.config.rule}: {record['train_accuracy']:.1%} right in its first 1,000 images")

# %% [markdown]
# ## Try next
#
# - Neurons, error neurons, feedback paths, encoders, data sets and targets are added the same
#   way: a class or a function, and a line in a table. The README says which ("Add your own").
# - Give `Lazy` a short cut over whole trains, as `Eligibility.over_time` has: one matrix
#   product instead of a loop over steps.
# - Let `least` follow the size of the error (half of its running mean, say), so that the rule
#   stays lazy as errors fade.
# - Is the update local? It must need nothing but `g`, `s_pre` and its own state.
#   Backpropagation would not fit into this class.
