"""Compiled loops and packed spikes. They know arrays, not neurons: no science is imported here.

numba keeps machine code in `__pycache__`, and looks for changes in the file of the calling function
alone: after an edit of a function that other files call, delete that folder.
"""
