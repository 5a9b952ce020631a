"""``formats``: which component each format can hold."""

from __future__ import annotations

from typing import Any

from modelport.formats.format import Format
from modelport.formats.table import formats as registered
from modelport.model.component import Component

SCHEMA = "modelport.formats/1"


def formats() -> dict[str, Any]:
    """The table formats by components, as the JSON object of ``modelport formats --json``."""
    return {"schema": SCHEMA, "formats": [_row(found) for found in registered()]}


def markdown() -> str:
    """The table as Markdown."""
    components = [str(component) for component in Component]
    lines = [
        "| format | framework | status | " + " | ".join(components) + " | read | write |",
        "|" + "---|" * (len(components) + 5),
    ]
    for row in formats()["formats"]:
        cells = [row["components"][component] for component in components]
        marks = ["yes" if row[key] else "no" for key in ("read", "write")]
        name = f"[`{row['name']}`]({row['specification']})"
        cells = [name, row["framework"], row["status"], *cells, *marks]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _row(found: Format) -> dict[str, Any]:
    return {
        "name": found.name,
        "title": found.title,
        "framework": found.framework,
        "status": found.status,
        "specification": found.specification,
        "read": True,
        "write": found.write is not None,
        "components": {str(part): str(found.holds[part]) for part in Component},
        "samples": {str(part): sample for part, sample in found.samples.items()},
    }
