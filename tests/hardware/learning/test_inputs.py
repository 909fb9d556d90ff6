import numpy as np
import pytest

from hardware.learning.emulator import learn
from hardware.learning.inputs import shifted, shifts
from hardware.learning.params import ChipLearningParams
from hardware.learning.sleep_params import ChipSleepParams
from hardware.learning.state import start


def test_an_image_moves_down_and_right_and_black_moves_in():
    image = np.arange(1, 10, dtype=np.uint8).reshape(1, 9)
    moved = shifted(np.repeat(image, 3, axis=0), np.array([[0, 0], [1, 0], [-1, 2]]))
    assert np.array_equal(moved[0].reshape(3, 3), [[1, 2, 3], [4, 5, 6], [7, 8, 9]])
    assert np.array_equal(moved[1].reshape(3, 3), [[0, 0, 0], [1, 2, 3], [4, 5, 6]])
    assert np.array_equal(moved[2].reshape(3, 3), [[0, 0, 4], [0, 0, 7], [0, 0, 0]])


def test_every_shift_is_drawn_and_each_epoch_has_its_own():
    first, again, second = shifts(3, 0, 500, 1), shifts(3, 0, 500, 1), shifts(3, 1, 500, 1)
    assert {tuple(move) for move in first.tolist()} == {
        (down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)
    }
    assert np.array_equal(first, again) and not np.array_equal(first, second)


def test_a_run_with_shifts_learns_from_the_shifted_images():
    rng = np.random.default_rng(1)
    images, labels = rng.integers(0, 256, (24, 25)).astype(np.uint8), rng.integers(0, 3, 24)
    short = ChipSleepParams(steps=20, every=10, before=1)
    params = ChipLearningParams(sizes=(25, 6, 3), sleep=short, shift=2, seed=3)
    with_shift = start(params)
    for _ in learn(with_shift, images, labels, epochs=2):
        pass
    without = ChipLearningParams(sizes=(25, 6, 3), sleep=short, seed=3)
    by_hand = start(without)
    moved = shifted(images, shifts(3, 0, 24, 2))
    for _ in learn(by_hand, moved, labels, epochs=1):
        pass
    later = start(params)
    for _ in learn(later, images, labels, epochs=1):
        pass
    assert np.array_equal(later.w[0], by_hand.w[0])
    assert not np.array_equal(later.w[0], with_shift.w[0])


def test_shifts_of_images_that_are_not_square_are_refused():
    with pytest.raises(ValueError, match="24 inputs are no square: set shift=0"):
        ChipLearningParams(sizes=(24, 6, 3), shift=1)
