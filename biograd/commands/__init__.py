"""The commands of the program, one module each: `Args` (its flags), and `run(args, console)`, which
returns what --json prints.
"""
