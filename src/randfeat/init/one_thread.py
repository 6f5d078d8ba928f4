"""Small factorisations in one thread, so that their digits do not depend on how many there are."""

from __future__ import annotations

import functools
from contextlib import AbstractContextManager

from threadpoolctl import ThreadpoolController

_thread_pools = functools.cache(ThreadpoolController)
"""Those of this process, looked for once: a search takes longer than a small factorisation."""


def one_thread() -> AbstractContextManager[object]:
    """Inside, numpy's linear algebra has one thread."""
    limited: AbstractContextManager[object] = _thread_pools().limit(limits=1)
    return limited
