"""Processes for Lava, and the programs that run them.

Only this folder imports lava. Its files import without side effects, because Lava's compiler
imports every sibling of a process.
"""
