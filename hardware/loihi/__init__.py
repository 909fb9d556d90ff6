"""Processes for Lava, and the program that runs them. The only folder that imports lava; its files import without side effects, for Lava's compiler imports every sibling of a process."""
