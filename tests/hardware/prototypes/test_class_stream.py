import numpy as np
import pytest

from hardware.learning.params import ChipLearningParams
from hardware.learning.sleep_params import ChipSleepParams
from hardware.prototypes.class_stream import NetLearner, PrototypeLearner, run_stream, tasks_of
from hardware.prototypes.params import PrototypeParams

TASKS = tasks_of(4, 2)


def results(learner, blobs, **options):
    return list(run_stream(learner, blobs, blobs, TASKS, **options))


def small_net():
    return ChipLearningParams(
        sizes=(30, 12, 4), vth=200, sleep=ChipSleepParams(steps=40, every=20, before=10)
    )


def test_tasks_hold_every_class_once():
    assert TASKS == ((0, 1), (2, 3))
    assert tasks_of(5, 2) == ((0, 1), (2, 3), (4,))


def test_prototypes_keep_what_a_net_without_rehearsal_forgets(blobs):
    layer = PrototypeLearner(PrototypeParams(inputs=30, prototypes=12, per_class=3, classes=4))
    kept = results(layer, blobs)[-1]
    naive = results(NetLearner(small_net()), blobs)[-1]
    assert kept.final > 0.9
    assert kept.forgetting < 0.15 < naive.forgetting
    assert naive.final < kept.final


def test_replay_shows_each_earlier_class_as_often_as_a_new_one(blobs):
    shown = []

    class Watched(NetLearner):
        def learn(self, images, labels):
            before = self.state.clock
            super().learn(images, labels)
            shown.append((self.state.samples, len(labels), sorted(self.kept), before))

    results(Watched(small_net(), replay=2), blobs)
    assert shown[0][0] == shown[0][1]
    assert shown[1][0] == shown[1][1] + 2 * (shown[1][1] // 2)
    assert shown[1][2] == [0, 1, 2, 3]


def test_few_shots_take_so_many_samples_of_each_class(blobs):
    layer = PrototypeLearner(PrototypeParams(inputs=30, prototypes=12, per_class=3, classes=4))
    result = results(layer, blobs, shots=2)[-1]
    assert np.bincount(layer.state.classes[layer.state.classes >= 0]).tolist() == [2, 2, 2, 2]
    assert result.final > 0.5
    assert sum(record.samples for record in layer.records) == 8


def test_accuracy_is_0_before_a_task_came(blobs):
    layer = PrototypeLearner(PrototypeParams(inputs=30, prototypes=12, per_class=3, classes=4))
    first, last = results(layer, blobs)
    assert first.accuracy[0, 0] > 0.9 and (first.accuracy[:, 1] == 0).all()
    assert last.accuracy[1, 1] > 0


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        (((0, 1),), "label 2 is in no task"),
        (((0, 1), (2, 3), (4,)), "class 4 has no training samples"),
    ],
)
def test_labels_and_tasks_that_do_not_match_are_refused(blobs, tasks, message):
    layer = PrototypeLearner(PrototypeParams(inputs=30, prototypes=12, per_class=3, classes=5))
    with pytest.raises(ValueError, match=message):
        list(run_stream(layer, blobs, blobs, tasks))
