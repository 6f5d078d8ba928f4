"""What every test runs under."""

import os

from hypothesis import settings

if "PYTEST_XDIST_WORKER" in os.environ:  # the workers share the cores: one thread each, and in what they start
    os.environ.setdefault("OMP_NUM_THREADS", "1")

settings.register_profile("randfeat", deadline=None, derandomize=True)  # a busy machine is no failure, and no run is a lottery
settings.load_profile("randfeat")
