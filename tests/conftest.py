"""What every test runs under."""

from hypothesis import settings

settings.register_profile("randfeat", deadline=None, derandomize=True)  # a busy machine is no failure, and no run is a lottery
settings.load_profile("randfeat")
