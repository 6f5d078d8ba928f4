"""Initialisation laws: how the weights of a network are drawn."""

from randfeat.init.base import NOTHING as NOTHING
from randfeat.init.base import AbstractInit as AbstractInit
from randfeat.init.base import Sources as Sources
from randfeat.init.base import draw as draw
from randfeat.init.base import fans as fans
from randfeat.init.class_differences import ClassDifferences as ClassDifferences
from randfeat.init.from_inputs import AbstractFromInputs as AbstractFromInputs
from randfeat.init.gaussian import Gaussian as Gaussian
from randfeat.init.kmeans_patches import KmeansPatches as KmeansPatches
from randfeat.init.lsuv import Lsuv as Lsuv
from randfeat.init.orthogonal import Orthogonal as Orthogonal
from randfeat.init.patches import Patches as Patches
from randfeat.init.scaled import Glorot as Glorot
from randfeat.init.scaled import He as He
from randfeat.init.uniform import Uniform as Uniform
from randfeat.init.whitened_patches import WhitenedPatches as WhitenedPatches
