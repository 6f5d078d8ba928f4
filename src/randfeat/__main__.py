"""``python -m randfeat``."""

from randfeat.cli import main

main()
