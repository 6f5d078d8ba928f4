"""The support vector machines of scikit-learn's liblinear, by coefficients."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from torch import Tensor

from randfeat.solver.descent import Descent
from randfeat.solver.objective import Objective


def minimise_by_liblinear(objective: Objective, n_classes: int, tolerance: float, iterations: int, seed: int) -> Descent:
    """Squared hinges of each class against the rest, on the CPU in float64.

    Args:
        objective: of squared hinges with a penalised intercept, C = 1 / (2 penalty).
        n_classes: K. Each has rows and lacks some.
        tolerance: liblinear's own, on its gradient.
        iterations: liblinear's own, steps of its outer loop.
        seed: of the order in which its dual looks at the rows.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.svm import LinearSVC

    rows, classes = (torch.cat(parts) for parts in zip(*objective.rows, strict=True))
    phi_NP, y_N = rows.double().cpu().numpy(), classes.cpu().numpy()
    machine = LinearSVC(C=0.5 / objective.penalty, tol=tolerance, max_iter=iterations, random_state=seed)
    columns, most = [], 0
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        for k in range(n_classes):
            machine.fit(phi_NP, y_N == k)
            columns.append(np.append(machine.coef_[0], machine.intercept_))
            most = max(most, machine.n_iter_)
    early = any(issubclass(warning.category, ConvergenceWarning) for warning in caught)
    w_QK: Tensor = torch.from_numpy(np.stack(columns, 1)).to(rows.device)
    return Descent(objective(w_QK), most, is_close=not early)
