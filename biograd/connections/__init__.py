"""Connections between populations, pools, and their description in words."""

from .descriptions import POOLS, Part, describe, parse
from .kinds import Connection, Conv2d, Dense, Flatten
from .pools import AvgPool2d, MaxPool2d, Pool, Pooled, Shape, SumPool2d
from .stages import Stage, sizes_of, stages_of

__all__ = [
    "POOLS",
    "AvgPool2d",
    "Connection",
    "Conv2d",
    "Dense",
    "Flatten",
    "MaxPool2d",
    "Part",
    "Pool",
    "Pooled",
    "Shape",
    "Stage",
    "SumPool2d",
    "describe",
    "parse",
    "sizes_of",
    "stages_of",
]
