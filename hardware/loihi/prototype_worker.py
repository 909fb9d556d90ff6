"""Program that `hardware.lava_process` starts in Lava's Python to run a prototype layer."""

from pathlib import Path

from hardware.border.archive import read_npz, write_npz
from hardware.loihi.worker import run_job, watch
from hardware.prototypes.params import PrototypeParams


def main(arguments: list[str]) -> None:
    """Learn; `arguments` are the files of the job (params, images, labels) and of the result."""
    job_path, result_path = map(Path, arguments)

    def job() -> None:
        # imported under guard: importing lava takes a second
        from hardware.loihi import channels, prototype_runner

        channels.install()
        arrays = read_npz(job_path)
        params = PrototypeParams.from_json(str(arrays["params"]))
        images, labels = arrays["images"], arrays["labels"]
        folder = job_path.parent
        write_npz(result_path, prototype_runner.run(params, images, labels, folder, watch=watch))

    run_job(job)
