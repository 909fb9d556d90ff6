"""Program that `hardware.lava_process` starts in Lava's Python to learn: one job, then it ends."""

from pathlib import Path

import numpy as np

from hardware.border.archive import read_npz, write_npz
from hardware.learning.params import ChipLearningParams
from hardware.learning.plan import plan
from hardware.loihi.worker import run_job, watch


def main(arguments: list[str]) -> None:
    """Learn; `arguments` are the files of the job (params, images, labels) and of the result."""
    job_path, result_path = map(Path, arguments)

    def job() -> None:
        # imported under guard: importing lava takes a second
        from hardware.loihi import channels, learning_runner

        channels.install()
        arrays = read_npz(job_path)
        params = ChipLearningParams.from_json(str(arrays["params"]))
        segments = plan(params, np.arange(len(arrays["images"])))
        write_npz(
            result_path,
            learning_runner.run(
                params, arrays["images"], arrays["labels"], segments, job_path.parent, watch=watch
            ),
        )

    run_job(job)
