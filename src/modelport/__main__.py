"""``python -m modelport``: the command line."""

from __future__ import annotations

from modelport.cli.main import main

main()
