"""Errors at the command line: one readable paragraph, or one JSON object, and an exit state."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import suppress

import click

from modelport.cli import text
from modelport.errors import (
    ConversionError,
    MissingRuntime,
    ModelportError,
    OutputExists,
    RuntimeFailure,
    WrongUsage,
)

DONE, NO, USAGE, UNREADABLE, IMPOSSIBLE, NO_RUNTIME, BUG = 0, 1, 2, 3, 4, 5, 70
STOPPED = 130


def exit_state(error: ModelportError) -> int:
    """The exit state that an error stands for (DESIGN section 5)."""
    if isinstance(error, ConversionError):
        return IMPOSSIBLE
    if isinstance(error, MissingRuntime | RuntimeFailure):
        return NO_RUNTIME
    return USAGE if isinstance(error, OutputExists | WrongUsage) else UNREADABLE


def report_errors(run: Callable[[], object]) -> int:
    """Run a command; returns the exit state, whatever happens."""
    try:
        return _reported(run)
    except OSError as error:
        # The machine's fault and nobody's bug: no space, too many files, output that is closed.
        where = f"{error.filename}: " if error.filename else "the output: "
        shown = text.clean(where + (error.strerror or str(error)))
        click.echo(click.style("Error: ", fg="red", bold=True) + shown, err=True)
        return UNREADABLE


def _reported(run: Callable[[], object]) -> int:
    try:
        result = run()
        return result if isinstance(result, int) else DONE
    except ModelportError as error:
        show(error)
        return exit_state(error)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        _show_usage(error)
        return USAGE
    except (click.Abort, KeyboardInterrupt):
        with suppress(OSError):  # nobody may be left to read it
            click.echo("stopped", err=True)
        return STOPPED
    except BrokenPipeError as broken:
        sys.stderr.close()
        return STOPPED if _follows_interrupt(broken) else DONE
    except SystemExit as stop:
        if stop.code != 1:
            raise
        # click leaves with 1 where nobody reads on: as in ``| head``, or while it tells of an
        # interrupt.
        return STOPPED if _follows_interrupt(stop) else DONE
    except OSError:
        raise
    # Whatever else arrives here is a defect of modelport, and says so.
    except Exception as error:
        return _bug(error)


def _follows_interrupt(error: BaseException | None) -> bool:
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error is not None


def show(error: ModelportError) -> None:
    """Print an error: to standard error, or with ``--json`` as one object to standard output."""
    if "--json" in sys.argv:
        shown = {"type": type(error).__name__, "message": str(error), **error.fields}
        click.echo(json.dumps({"error": shown}, default=str))
        return
    told = click.style("Error: ", fg="red", bold=True) + text.clean(error)
    click.echo(told, err=True, color=text.colours())


def _show_usage(error: click.ClickException) -> None:
    if "--json" not in sys.argv:
        error.show()
        return
    shown = {"type": type(error).__name__, "message": error.format_message()}
    click.echo(json.dumps({"error": shown}))


def _bug(error: Exception) -> int:
    import traceback

    told = f"{type(error).__name__}: {error}"
    if "--json" in sys.argv:
        click.echo(json.dumps({"error": {"type": "Bug", "message": told}}))
    for line in "".join(traceback.format_exception(error)).splitlines():
        click.echo(text.clean(line), err=True)
    last = f"This is a bug of modelport; please report the lines above ({told})."
    click.echo(text.clean(last), err=True)
    return BUG
