"""The command line: one short file per verb, heavy imports inside the verbs, every user's mistake in one line."""

from __future__ import annotations

import errno
import sys
from typing import Annotated

import typer

from randfeat.cli.diff import diff
from randfeat.cli.ls import ls
from randfeat.cli.probe import probe
from randfeat.cli.reproduce import reproduce
from randfeat.cli.run import run
from randfeat.cli.show import show
from randfeat.cli.sweep import sweep
from randfeat.cli.table import table
from randfeat.errors import RandfeatError

app = typer.Typer(
    name="randfeat",
    help="How much of a network's performance is its architecture, and how much is training?",
    invoke_without_command=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for verb in (run, sweep, reproduce, table, diff, probe, show, ls):
    app.command()(verb)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"randfeat {version('randfeat')}")
        raise typer.Exit


@app.callback()
def randfeat(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """How much of a network's performance is its architecture, and how much is training?"""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main() -> None:
    """The program ``randfeat``.

    Exit codes: 0; 1 where a check asked for fails, 3 where it is undecided or a run of a sweep is not ok; 2 for a mistake; 130
    for Ctrl-C.
    """
    try:
        code = app(standalone_mode=False) or 0
    except RandfeatError as error:
        sys.exit(_one_line(str(error), error.exit_code))
    except BrokenPipeError:  # the reader has had enough, as `head` has
        sys.stdout = None
        sys.exit(0)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        sys.stdout = None
        sys.exit(_one_line("the output cannot be written: the disk is full."))
    except Exception as error:  # typer's own errors: an unknown option, a missing argument
        if not hasattr(error, "format_message"):
            raise
        sys.exit(_one_line(" ".join(error.format_message().split())))
    sys.exit(_one_line("interrupted; runs that were finished are on record.", code=130) if code == 130 else code)


def _one_line(message: str, code: int = 2) -> int:
    print(f"error: {message}", file=sys.stderr)
    return code
