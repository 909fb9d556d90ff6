"""Figures of networks, runs and deployments, as matplotlib Figures and SVG files."""
