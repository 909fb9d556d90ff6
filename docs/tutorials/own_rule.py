# %% [markdown]
# # Add a rule in 40 lines
#
# A learning rule in BioGrad sees the two sides of each synapse and nothing else:
#
# - `g`, after the synapse: the apical voltage of the neuron while its soma was near the threshold
#   (`v_apical psi`), `[B, N]`;
# - `s_pre`, before the synapse: the spikes that arrived, `[B, M]`.
#
# `B` is the number of samples, `N` of neurons, `M` of inputs. A rule is a class with three methods:
# `start` creates its state, `step` processes one time step, and `finish` returns the change of the
# weights. The rule knows nothing about the optimizer, which is torch's.
#
# We write a rule that is not in the library. On a chip, every changed weight costs energy. So the
# synapses of neurons that receive only a small error shall not change. We call the rule `Lazy`:
#
#     z[t] = keep z[t-1] + s_pre[t]
#     dw   = 1/(B T)  sum over b, t of  g z^T  where |g| > least

# %%
from typing import NamedTuple

import torch

import biograd as bg
from biograd.rules import RULES


class LazyState(NamedTuple):
    """State of the rule; its size does not depend on the number of steps."""

    z: torch.Tensor  # trace of each presynaptic neuron, [B, M]
    dw: torch.Tensor  # [N, M]
    db: torch.Tensor  # [N]


class Lazy(bg.Rule):
    """Learn only where the error is large."""

    def __init__(self, least: float = 1.0, keep: float = 0.75) -> None:
        self.least, self.keep = least, keep

    def start(self, g: torch.Tensor, s_pre: torch.Tensor) -> LazyState:
        dw = g.new_zeros(g.shape[1], s_pre.shape[1])
        return LazyState(torch.zeros_like(s_pre), dw, g.new_zeros(g.shape[1]))

    def step(self, state: LazyState, g: torch.Tensor, s_pre: torch.Tensor) -> LazyState:
        z = self.keep * state.z + s_pre
        large = g * (g.abs() > self.least)
        return LazyState(z, state.dw + large.T @ z / len(g), state.db + large.mean(0))

    def finish(self, state: LazyState, steps: int) -> bg.Update:
        return bg.Update(state.dw / steps, state.db / steps)


# %% [markdown]
# ## Is it right?
#
# Before you train anything, find a case in which your rule must agree with a known one. With
# `least=0` all synapses learn, and `Lazy` equals the built-in `Eligibility` with a single trace.

# %%
generator = torch.Generator().manual_seed(0)
g = torch.randn(12, 8, 5, generator=generator)
s_pre = (torch.rand(12, 8, 20, generator=generator) < 0.3).float()
lazy = Lazy(least=0.0).over_time(g, s_pre).dw
known = bg.Eligibility(bg.TraceParams(alpha_x=0.0, alpha_z=0.75)).over_time(g, s_pre).dw
apart, largest = float((lazy - known).abs().max()), float(known.abs().max())
print(f"largest difference {apart:.1e}, largest change {largest:.2f}")

# %% [markdown]
# ## Does it learn?
#
# You pass your object to `LocalLearner`. How lazy may the rule be?

# %%
torch.set_num_threads(1)
train = bg.load("mnist", "train").subset(slice(0, 3000))
test = bg.load("mnist", "test").subset(slice(0, 1000))


class Counting(Lazy):
    """The same rule, which also counts how often the synapses of hidden neurons learn."""

    learned = possible = 0

    def step(self, state: LazyState, g: torch.Tensor, s_pre: torch.Tensor) -> LazyState:
        if g.shape[1] > 10:  # not the output layer
            self.learned += int((g.abs() > self.least).sum())
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
    return last["test_accuracy"], rule.learned / rule.possible


for least in (0.0, 0.5, 1.0, 2.0):
    accuracy, learned = trained(least)
    print(f"least {least:.1f}: {accuracy:.1%} right, {learned:5.1%} of the hidden steps used")

# %% [markdown]
# Even with `least=0`, most neurons have nothing to learn most of the time: either the output makes
# no error, or their soma is far from the threshold. That is why local learning can be cheap on a
# chip that spends energy per update.
#
# ## Give it a name
#
# With one line, the rule can be used by name, as in `RunConfig(rule="lazy")` or a TOML file. For
# the command line, write the class and this line in a module of your own, say `my_rules.py`, and
# import it: `biograd train --import my_rules --rule lazy`.

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
# - Neurons, error neurons, feedback paths, encoders, data sets and targets are added the same way:
#   a class or a function, and a line in a table. The README lists them ("Add your own").
# - Override `over_time` with a fast form for all steps at once, as `Eligibility` does: one matrix
#   product instead of a loop over steps. Test that it equals the loop.
# - Let `least` follow the size of the error, for example half of its running mean, so that the rule
#   stays lazy as errors become smaller.
# - Is your update local? It must need nothing but `g`, `s_pre` and its own state. Backpropagation
#   would not fit into this class.
