"""Compiled loops and packed spike trains. They know arrays, not neurons: no science is imported
here.
"""
