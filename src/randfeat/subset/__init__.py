"""Subset policies: which weights of a network train."""

from randfeat.subset.base import AbstractSubset as AbstractSubset
from randfeat.subset.base import whole as whole
from randfeat.subset.block import Block as Block
from randfeat.subset.block import First as First
from randfeat.subset.block import Middle as Middle
from randfeat.subset.combination import Combination as Combination
from randfeat.subset.fraction import Fraction as Fraction
from randfeat.subset.head import Head as Head
from randfeat.subset.layers import FirstK as FirstK
from randfeat.subset.layers import LastK as LastK
from randfeat.subset.layers import Layer as Layer
from randfeat.subset.order import Order as Order
from randfeat.subset.patterns import Patterns as Patterns
from randfeat.subset.simple import All as All
from randfeat.subset.simple import Bias as Bias
from randfeat.subset.simple import Last as Last
from randfeat.subset.simple import Norm as Norm
from randfeat.subset.simple import Nothing as Nothing
from randfeat.subset.weights import SomeWeights as SomeWeights
