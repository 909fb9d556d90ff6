# %% [markdown]
# # Answer while a word is still spoken
#
# A spiking network has a state at every moment, so it need not wait for the end of a recording. In
# this tutorial a network learns four words from wav files, hears them through a microphone a few
# milliseconds at a time, and answers at every step. We look at how early it knows.
#
# The words are made here, so that this page needs no download: `ai`, `au`, `ia` and `ua`, each a
# glide from one vowel to another, by voices of different pitch and length of the vocal tract. A
# voice is a sum of harmonics, loud near the resonances (*formants*) of the vowel. `ai` and `au`
# begin alike: nobody can tell them apart before the second vowel.

# %%
import dataclasses
import pickle
import tempfile
import wave
from pathlib import Path

import numpy as np
import torch

import biograd as bg
from biograd.pictures import charts
from biograd.pictures.hearing import heard_word

RATE = 8000  # samples per second
FORMANTS = {"a": (750, 1200, 2500), "i": (300, 2300, 3000), "u": (320, 800, 2300)}  # Hz
WORDS = ("ai", "au", "ia", "ua")


def say(word: str, rng: np.random.Generator) -> np.ndarray:
    """Return a word by a voice drawn at random, samples in -1..1."""
    pitch, tract, seconds = rng.uniform(90, 220), rng.uniform(0.9, 1.15), rng.uniform(0.35, 0.55)
    t = np.arange(int(RATE * seconds)) / RATE
    glide = 1 / (1 + np.exp(-(t / seconds - 0.5) * 20))[:, None]  # 0: first vowel, 1: second
    first, second = (np.array(FORMANTS[vowel]) * tract for vowel in word)
    formants = (1 - glide) * first + glide * second  # [samples, 3]
    k = np.arange(1, int(RATE / 2 / pitch))  # harmonics
    loud = sum(1 / (1 + ((k * pitch - f[:, None]) / 90) ** 2) for f in formants.T) / k**0.5
    sound = (loud * np.sin(2 * np.pi * pitch * t[:, None] * k)).sum(1)
    sound *= np.minimum(1, np.minimum(t, seconds - t) / 0.03)  # rises and falls
    noise = 0.02 * rng.normal(size=len(t))
    return (0.5 * sound / np.abs(sound).max() + noise).clip(-1, 1)


def write_wav(path: Path, sound: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes((32767 * sound).astype("<i2").tobytes())


rng = np.random.default_rng(0)
folder = Path(tempfile.mkdtemp()) / "words"
for half, count in (("train", 40), ("test", 25)):
    for word in WORDS:
        for number in range(count):
            write_wav(folder / half / word / f"{number}.wav", say(word, rng))

# %% [markdown]
# ## From wav files to a network
#
# A folder `train/CLASS/*.wav` and `test/CLASS/*.wav` is a data set. A filter bank turns each sound
# into 40 bands, one value per 10 ms, and the bands and their changes become spikes. All of it needs
# the past alone. The preset `speech` holds the settings; on the command line the same is
# `biograd train --preset speech --dataset words`.

# %%
torch.set_num_threads(1)
config = dataclasses.replace(
    bg.preset("speech"), dataset=str(folder), hidden=(100,), epochs=10, batch=20, threads=1
)
experiment = bg.Experiment.from_config(config)
*_, last = experiment.trainer.run()
print(f"{len(experiment.train_set)} words learned; of {len(experiment.test_set)} others,", end="")
print(f" {100 * last['test_accuracy']:.0f} % are answered right after their last step")

# %% [markdown]
# ## A microphone
#
# Sound cards deliver blocks of samples. `Listener.hear` takes a block of any length and the state
# after the last one, and returns the answer of every 10 ms that the block completed. Chunks of any
# size give the same answers, to the bit. With the package `sounddevice` the loop below would read
# `stream.read(400)[0][:, 0]` of an `InputStream(samplerate=8000, channels=1)`.

# %%
listener = bg.Listener.for_series(experiment.net, experiment.train_set)


def microphone(sound: np.ndarray, block: int = 400):
    """Yield 50 ms at a time."""
    for start in range(0, len(sound), block):
        yield sound[start : start + block]


def hear(sound: np.ndarray) -> list[int]:
    """Return the answer after every step."""
    state, answers = listener.start(), []
    for chunk in microphone(sound):
        new, state = listener.hear(state, chunk)
        answers += new.tolist()
    return answers


spoken = bg.read_wav(folder / "test" / "ai" / "0.wav")[0]
names, first_ms = experiment.test_set.names, config.mel.frame_ms  # the first frame ends then
answers = [names[answer] for answer in hear(spoken)]
for step in range(4, len(answers), 5):
    print(f"{first_ms + 10 * step:3.0f} ms: {answers[step]}")

# %% [markdown]
# Its first vowel leaves `ai` and `au` open, and the network has to guess; the second one decides.
# The picture shows the filter bank's bands above, and the answer at each step below.

# %%
bands = listener.bank.of_sound(spoken)
heard_word(bands, answers, list(WORDS), ms=config.mel.hop_ms)

# %% [markdown]
# Between two blocks the listener keeps the filter bank's last samples, the voltages of all neurons
# and the sums of the output. That does not grow, however long it listens.

# %%
state, kept = listener.start(), []
for chunk in microphone(np.tile(spoken, 20)):
    _, state = listener.hear(state, chunk)
    kept.append(len(pickle.dumps(state)))
print(
    f"at most {max(kept[:20]):,} bytes in the first second, and {max(kept):,} bytes in the", end=""
)
print(f" {len(kept) / 20:.0f} seconds")

# %% [markdown]
# ## How early does it know?
#
# `anytime` gives the accuracy after each step over all test words (words that have ended keep their
# last answer), and for each word the *latency*: the step from which the answer stays. After the
# first vowel three answers in four are right: `ia` and `ua` are known by it, `ai` and `au` guessed.

# %%
curve = bg.anytime(experiment.net, experiment.test_set)
for name, of_class in (("ia and ua", (2, 3)), ("ai and au", (0, 1))):
    members = torch.isin(experiment.test_set.y, torch.tensor(of_class))
    stable = first_ms + 10 * (curve.latency[members].float().quantile(0.75) - 1)
    print(f"{name}: three in four answers stay the same from {stable:.0f} ms on")
print(f"words last {first_ms + 10 * (experiment.test_set.mean_steps - 1):.0f} ms in the mean")
ms = [first_ms + 10 * step for step in range(len(curve.accuracy))]
percent = [100 * accuracy for accuracy in curve.accuracy]
charts.curves(
    [charts.Line("four words", ms, percent)],
    x="milliseconds since the word began",
    y="right answers (%)",
    low=0,
    high=102,
)

# %% [markdown]
# ## Remember longer
#
# Neurons forget: a voltage that keeps 0.9 per step has lost two thirds after 100 ms. *Delays* bring
# spikes of the past to the same neuron: each input's spikes arrive up to 10 steps later, each after
# a delay of its own. The synapses learn from the spikes as they arrive, and a stream carries the
# spikes that are on their way. Loihi's synapses hold delays of up to 62 steps.

# %%
delayed = bg.Experiment.from_config(dataclasses.replace(config, delays=(10, 0)))
*_, last = delayed.trainer.run()
print(f"with delays of 0 to 10 steps: {100 * last['test_accuracy']:.0f} %")
later = bg.Listener.for_series(delayed.net, delayed.train_set)
at_once, _ = later.hear(later.start(), spoken)
state, in_blocks = later.start(), []
for chunk in microphone(spoken, block=123):
    new, state = later.hear(state, chunk)
    in_blocks += new.tolist()
print(f"blocks of 123 samples give the same answers: {in_blocks == at_once.tolist()}")

# %% [markdown]
# ## Try next
#
# - `biograd train --preset speech` learns spoken digits from real recordings in a minute;
#   `biograd evaluate RUN` prints the curve above for them, and `biograd listen RUN my.wav` answers
#   for a file of yours. Accuracy, latency and joules per word on the chip are in the
#   [results](../results.md).
# - Record words of your own into `train/CLASS` and `test/CLASS`: `--dataset FOLDER`.
# - Set `FORMANTS` so that vowels lie closer together, or raise the noise: when does the network
#   become sure later, and when wrong?
# - [Why sleep](why_sleep.py): where the errors that taught this network came from.
