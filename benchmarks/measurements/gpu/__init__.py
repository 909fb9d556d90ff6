"""Measurements on a GPU: kernels against the pure steps, times, races, and a single layer.

Memory (`measurements.memory`) and joules (`measurements.device_energy`) are measured there by the
same code as on a CPU. The suite `gpu` runs all of them (`benchmarks.gpu_tasks`).
"""
