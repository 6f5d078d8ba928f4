"""Initialisation laws: how the weights of a network are drawn."""

from randfeat.init.base import NOTHING as NOTHING
from randfeat.init.base import AbstractInit as AbstractInit
from randfeat.init.base import Sources as Sources
from randfeat.init.base import draw as draw
from randfeat.init.base import fans as fans
from randfeat.init.borrowed import From as From
from randfeat.init.chrono import Chrono as Chrono
from randfeat.init.gaussian import Gaussian as Gaussian
from randfeat.init.orthogonal import Orthogonal as Orthogonal
from randfeat.init.pretrained import Pretrained as Pretrained
from randfeat.init.scaled import Glorot as Glorot
from randfeat.init.scaled import He as He
from randfeat.init.uniform import Uniform as Uniform
