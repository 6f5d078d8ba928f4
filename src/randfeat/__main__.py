"""``python -m randfeat`` and the program ``randfeat``."""

import sys


def main() -> None:
    """The command line; Ctrl-C is answered in one line even while the program is being loaded."""
    try:
        from randfeat.cli import main as cli

        cli()
    except KeyboardInterrupt:
        print("error: interrupted; runs that were finished are on record.", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
