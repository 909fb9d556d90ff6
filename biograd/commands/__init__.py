"""The commands of the program, one module per command: `Args` (its flags) and `run(args, console)`.

`run` returns what --json prints; it imports the module of the same name in `work`, which needs
torch, as the flags do not. What several commands share is in `helpers`.
"""
