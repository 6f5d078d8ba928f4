"""Solvers: how the trained tensors are fitted."""

from randfeat.solver.adam import Adam as Adam
from randfeat.solver.base import AbstractSolver as AbstractSolver
from randfeat.solver.base import Fitted as Fitted
from randfeat.solver.base import Once as Once
from randfeat.solver.base import Problem as Problem
from randfeat.solver.base import Step as Step
from randfeat.solver.base import Watch as Watch
from randfeat.solver.base import alone as alone
from randfeat.solver.checkpoint import NEVER as NEVER
from randfeat.solver.checkpoint import Checkpoint as Checkpoint
from randfeat.solver.checkpoint import Timed as Timed
from randfeat.solver.gradient import AbstractGradient as AbstractGradient
from randfeat.solver.logistic import Logistic as Logistic
from randfeat.solver.pinv import Pinv as Pinv
from randfeat.solver.ridge import Ridge as Ridge
from randfeat.solver.sgd import Sgd as Sgd
from randfeat.solver.stacked import StackedProblem as StackedProblem
from randfeat.solver.stacked import StackedTraining as StackedTraining
from randfeat.solver.svm import Svm as Svm
