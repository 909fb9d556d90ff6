"""Measuring and telling: tasks, baselines, meters, records, plots and the report."""
