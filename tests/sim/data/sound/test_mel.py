"""Filter bank: a tone lights the band it lies in, and chunks of any length give the same frames."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from biograd.data.sound.mel import FilterBank, MelParams


def tone(hertz: float, seconds: float = 0.3) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(int(8000 * seconds)) / 8000)


@pytest.mark.parametrize("band", [3, 12, 25, 36])
def test_a_tone_is_loudest_in_the_band_around_it(band: int) -> None:
    p = MelParams()
    frames = FilterBank(p).of_sound(tone(p.edges()[band + 1]))
    assert (frames.argmax(1) == band).all()


def test_twice_the_amplitude_is_four_times_the_power() -> None:
    bank = FilterBank()
    quiet, loud = bank.of_sound(tone(500)), bank.of_sound(2 * tone(500))
    band = quiet[0].argmax()
    assert np.allclose((loud - quiet)[:, band], np.log(4), atol=1e-3)


@pytest.mark.parametrize("compression", ["log", "pcen"])
def test_chunks_of_any_length_give_the_frames_of_the_whole_sound(compression: str) -> None:
    bank = FilterBank(MelParams(compression=compression))
    sound = np.random.default_rng(0).normal(size=3000)
    whole = bank.of_sound(sound)
    cuts = [0, 1, 2, 300, 300, 1111, 2999, 3000]
    state, parts = bank.start(), []
    for start, end in itertools.pairwise(cuts):
        frames, state = bank.frames(state, sound[start:end])
        parts.append(frames)
    assert np.array_equal(np.concatenate(parts), whole)
    assert len(state.rest) < bank.p.frame  # what is kept does not grow


def test_gain_control_forgets_how_loud_the_speaker_is() -> None:
    sound = np.random.default_rng(0).normal(size=4000)
    frames = [FilterBank(MelParams(compression="pcen")).of_sound(a * sound) for a in (1, 10)]
    logs = [FilterBank().of_sound(a * sound) for a in (1, 10)]
    assert np.abs(frames[1] - frames[0]).mean() < 0.1
    assert np.abs(logs[1] - logs[0]).mean() > 4


@pytest.mark.parametrize(
    "wrong",
    [
        {"highest": 5000.0},
        {"lowest": 4000.0},
        {"bands": 0},
        {"hop_ms": 50.0},
        {"frame_ms": 0.1},
        {"compression": "mp3"},
    ],
)
def test_constants_that_no_bank_can_have_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match=r"mel\."):
        MelParams(**wrong)


def test_bands_too_narrow_for_the_frame_and_samples_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match="take fewer bands"):
        FilterBank(MelParams(bands=200))
    with pytest.raises(ValueError, match="1 values that are not finite"):
        FilterBank().of_sound(np.array([0.0, np.nan, 0.0]))
