"""The command line: ``modelport COMMAND ...``, or ``modelport FILE`` to look inside."""

from __future__ import annotations

import os
import signal
import sys
from importlib import import_module
from types import FrameType

import click

from modelport.version import VERSION

COMMANDS = {
    "inspect": "What is inside a file.",
    "ready": "Is a file enough to use, train on, archive?",
    "convert": "Carry a model to another format and prove it.",
    "verify": "Run two files and compare what comes out.",
    "diff": "What two files hold that is not the same.",
    "scan": "What a file would do to the one who loads it.",
    "formats": "Which component each format can hold.",
}


class LazyGroup(click.Group):
    """Commands are imported when they are asked for, which keeps start-up fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of the commands, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, or None."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"modelport.cli.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """A first word that is no command is a file to inspect."""
        if args and args[0] not in COMMANDS:
            _check_word(ctx, args[0])
            return "inspect", self.get_command(ctx, "inspect"), args
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Options before a file belong to ``inspect``."""
        if args and args[0].startswith("--") and args[0] not in ("--help", "--version"):
            args = ["inspect", *args]
        return super().parse_args(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _check_word(ctx: click.Context, word: str) -> None:
    """Refuse what can only be a mistyped command: a bare word that is no file either."""
    if word.isalpha() and not os.path.lexists(word):
        from difflib import get_close_matches

        meant = get_close_matches(word.lower(), COMMANDS, 1)
        hint = f"did you mean {meant[0]!r}?" if meant else "see modelport --help"
        ctx.fail(f"no command and no file is called {word!r}; {hint}")


# \b keeps click from joining the lines of a paragraph.
HELP = """Open any deep-learning model file, see what is inside, carry it elsewhere, prove it.

\b
modelport FILE                    look inside (short for: modelport inspect FILE)
modelport convert SRC DST         carry it to another format, verified
"""


@click.group(cls=LazyGroup, help=HELP, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="modelport")
def cli() -> None:
    """The group of all commands."""


def _tidy_when_stopped() -> None:
    """A request to end unwinds as an interrupt does, so that no half-written output stays."""
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _stop)


def _stop(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def main() -> None:
    """The entry point: runs a command and turns errors into exit states."""
    from modelport.cli.errors import report_errors
    from modelport.cli.text import colours

    _tidy_when_stopped()
    sys.exit(report_errors(lambda: cli.main(standalone_mode=False, color=colours())))


if __name__ == "__main__":
    main()
