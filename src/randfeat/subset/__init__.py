"""Subset policies: which weights of a network train."""

from randfeat.subset.base import AbstractSubset as AbstractSubset
from randfeat.subset.block import Block as Block
from randfeat.subset.block import First as First
from randfeat.subset.block import Middle as Middle
from randfeat.subset.fraction import Fraction as Fraction
from randfeat.subset.simple import All as All
from randfeat.subset.simple import Last as Last
from randfeat.subset.simple import Norm as Norm
from randfeat.subset.simple import Nothing as Nothing
