"""An experiment runner for random-weights studies. The command line is ``randfeat``; ``run.py`` is the file to read first."""
