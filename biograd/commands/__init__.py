"""The commands of the program, one module per command: `Args` (its flags) and `run(args, console)`.

`run` returns what --json prints. What several commands share is in `helpers`.
"""
