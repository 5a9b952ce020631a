"""Makes ``docs/picture.svg``, the README's picture: real output of real commands, drawn by rich."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parent.parent
SAMPLE = ROOT / "tests" / "files" / "keras-h5" / "keras1.2.2-tensorflow-lstm.h5"
COMMANDS = (["model.h5"], ["convert", "model.h5", "model.onnx"])


def terminal_output(arguments: list[str], folder: Path) -> str:
    """What a command prints on a terminal of 80 columns, colours included."""
    main, child = pty.openpty()
    command = [sys.executable, "-c", "from modelport.cli.main import main; main()", *arguments]
    environment = {**os.environ, "COLUMNS": "80", "TERM": "xterm-256color"}
    with subprocess.Popen(
        command, cwd=folder, stdout=child, stderr=subprocess.DEVNULL, env=environment
    ) as process:
        os.close(child)
        pieces: list[bytes] = []
        while True:
            try:
                piece = os.read(main, 65536)
            except OSError:  # the other end is closed
                break
            if not piece:
                break
            pieces.append(piece)
        process.wait()
    return b"".join(pieces).decode().replace("\r\n", "\n")


def main() -> None:
    """Run the commands on a copy of a sample and draw what they print."""
    console = Console(record=True, width=84, file=io.StringIO())
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "model.h5").write_bytes(SAMPLE.read_bytes())
        for arguments in COMMANDS:
            console.print(Text(f"$ modelport {' '.join(arguments)}", style="bold"))
            console.print(Text.from_ansi(terminal_output(arguments, Path(folder))))
    console.save_svg(str(Path(__file__).parent / "picture.svg"), title="modelport")


if __name__ == "__main__":
    main()
