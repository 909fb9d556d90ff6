"""Figures of the studies, from plain numbers."""
