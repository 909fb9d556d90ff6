"""Processes for Lava, and the programs that run them.

The only folder that imports lava. Its files import without side effects: Lava's compiler imports
every sibling of a process.
"""
