"""Arrays from pickles that others made: plain ones alone, and nothing that a file names is ever imported or run."""

from __future__ import annotations

import gzip
import pickle
import warnings
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from scipy.sparse import csr_matrix

from randfeat.data.graph import Numbers

UNREADABLE = (
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    OverflowError,
    RuntimeError,
    TypeError,
    ValueError,
    pickle.UnpicklingError,
)
"""What unpickling raises on truncated or altered files."""


class Held:
    """Takes the place of a sparse matrix: what the file says that it is made of, unchecked."""


def _latin1(text: str, encoding: str) -> bytes:
    return text.encode("latin1")


def _made_by(value: object) -> Callable[..., Any]:
    """The function that a pickle of this value begins with."""
    return cast("Callable[..., Any]", value.__reduce__()[0])


_array, _object = _made_by(np.empty(0)), _made_by(object())

KNOWN: dict[str, Callable[..., Any]] = {
    "numpy.core.multiarray._reconstruct": _array,
    "numpy._core.multiarray._reconstruct": _array,
    "numpy.ndarray": np.ndarray,
    "numpy.dtype": np.dtype,
    "scipy.sparse.csr.csr_matrix": Held,
    "scipy.sparse._csr.csr_matrix": Held,
    "collections.defaultdict": defaultdict,
    "__builtin__.list": list,
    "builtins.list": list,
    "__builtin__.object": object,
    "builtins.object": object,
    "copy_reg._reconstructor": _object,
    "copyreg._reconstructor": _object,
    "_codecs.encode": _latin1,
}
"""All that a file may name: arrays, sparse matrices, dictionaries of lists, and what puts them together."""


class _Plain(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """One of ``KNOWN``, never an import."""
        if f"{module}.{name}" not in KNOWN:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which is no plain array")
        return KNOWN[f"{module}.{name}"]


def opened(path: Path) -> IO[bytes]:
    """The bytes of a file, unpacked where its name ends in .gz."""
    return cast("IO[bytes]", gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


def unpickled(path: Path) -> Any:
    """What a file holds, by Python 2 or 3; a sparse matrix as :class:`Held`.

    Raises:
        pickle.UnpicklingError: it holds something else than plain arrays; or another of ``UNREADABLE``.
    """
    with opened(path) as file, warnings.catch_warnings(action="ignore"):  # old files make old calls
        return _Plain(file, encoding="latin1").load()


def dense(value: Any) -> Numbers:
    """A matrix that a file held, as an array of two axes; its places are checked, for a file may say anything.

    Raises:
        TypeError: it is no matrix of numbers.
        ValueError: its parts do not fit together.
    """
    if isinstance(value, Held):
        parts = [np.asarray(vars(value).get(name)) for name in ("data", "indices", "indptr")]
        if [part.dtype.kind in "iu" for part in parts[1:]] != [True, True]:
            raise TypeError("a sparse matrix without whole numbers for places")
        matrix = csr_matrix((parts[0], parts[1], parts[2]), shape=vars(value).get("_shape"))
        matrix.check_format(full_check=True)
        value = matrix.toarray()
    if not isinstance(value, np.ndarray) or value.ndim != 2 or value.dtype.kind not in "biuf":
        raise TypeError("no matrix of numbers")
    return value
