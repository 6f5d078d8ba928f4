"""Initialisation laws: how the weights of a network are drawn."""

from randfeat.init.base import NOTHING as NOTHING
from randfeat.init.base import AbstractInit as AbstractInit
from randfeat.init.base import Sources as Sources
from randfeat.init.base import draw as draw
from randfeat.init.base import fans as fans
from randfeat.init.centre import AbstractCentre as AbstractCentre
from randfeat.init.centre import Identity as Identity
from randfeat.init.delta_orthogonal import DeltaOrthogonal as DeltaOrthogonal
from randfeat.init.gaussian import Gaussian as Gaussian
from randfeat.init.heavy_tails import Laplace as Laplace
from randfeat.init.heavy_tails import StudentT as StudentT
from randfeat.init.low_rank import LowRank as LowRank
from randfeat.init.orthogonal import Orthogonal as Orthogonal
from randfeat.init.scaled import Glorot as Glorot
from randfeat.init.scaled import He as He
from randfeat.init.scaled import Lecun as Lecun
from randfeat.init.signs import Rademacher as Rademacher
from randfeat.init.signs import SignedConstant as SignedConstant
from randfeat.init.signs import Ternary as Ternary
from randfeat.init.sparse import Sparse as Sparse
from randfeat.init.uniform import Uniform as Uniform
from randfeat.init.waves import AbstractWaves as AbstractWaves
from randfeat.init.waves import Gabor as Gabor
from randfeat.init.waves import Sinusoid as Sinusoid
