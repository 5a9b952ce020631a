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
    """The table as Markdown, for a page in ``docs/``: every cell leads to its proving sample."""
    components = [str(component) for component in Component]
    lines = [
        "| format | framework | status | " + " | ".join(components) + " | read | write |",
        "|" + "---|" * (len(components) + 5),
    ]
    for row in formats()["formats"]:
        cells = [_cell(row, component) for component in components]
        marks = ["yes" if row[key] else "no" for key in ("read", "write")]
        name = f"[`{row['name']}`]({row['specification']})"
        cells = [name, row["framework"], row["status"], *cells, *marks]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _cell(row: dict[str, Any], component: str) -> str:
    """The word for a component, leading to the sample that proves it."""
    word, sample = row["components"][component], row["samples"].get(component)
    return word if sample is None else f"[{word}](../tests/files/{sample})"


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
