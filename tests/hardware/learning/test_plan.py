"""Days and nights alternate as planned."""

from __future__ import annotations

import numpy as np

from hardware.learning.params import ChipLearningParams
from hardware.learning.plan import DAY, plan
from hardware.learning.sleep_params import ChipSleepParams


def test_plan_sleeps_before_and_every_so_many_samples():
    params = ChipLearningParams(
        sizes=(3, 2, 2, 2), sleep=ChipSleepParams(steps=8, every=2, before=1)
    )
    asleep = [segment.asleep for segment in plan(params, np.arange(5))]
    assert asleep == [0, 1, DAY, DAY, 0, 1, DAY, DAY, 0, 1, DAY]
    steps = [segment.last_step for segment in plan(params, np.arange(5))]
    assert steps[0] == params.night
    assert steps[2] - steps[1] == params.period
