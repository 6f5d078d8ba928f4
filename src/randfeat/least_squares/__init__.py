"""Penalised least squares in one pass over the rows, for many penalties at once."""

from randfeat.least_squares.dual import Dual as Dual
from randfeat.least_squares.primal import Primal as Primal
from randfeat.least_squares.system import EIGEN_PAYS as EIGEN_PAYS
from randfeat.least_squares.system import AbstractSystem as AbstractSystem
from randfeat.least_squares.system import Rows as Rows
from randfeat.least_squares.system import Solution as Solution
