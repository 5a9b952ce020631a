"""Windows and samples: pools of a norm, regions of interest, grids."""

from __future__ import annotations

from modelport.dialects.onnx.history.rewriting import Rewriting, since, text
from modelport.model.graph import Node

_GRID_MODES = {"bilinear": "linear", "bicubic": "cubic"}


@since(2, "LpPool", "GlobalLpPool")
def norm(node: Node, write: Rewriting) -> None:
    """``p`` was a real number, and LpPool could be without a window."""
    p = float(node.attributes.get("p", 2.0))
    if not p.is_integer():
        raise write.fail(f"a norm with p = {p}, which later versions do not have")
    node.attributes["p"] = int(p)
    if node.op_type == "LpPool" and "kernel_shape" not in node.attributes:
        raise write.fail("it has no kernel_shape, and the specification no default")
    write.put(node)


@since(16, "RoiAlign")
def regions(node: Node, write: Rewriting) -> None:
    """Coordinates were not moved by half a pixel, which is no longer the default."""
    node.attributes.setdefault("coordinate_transformation_mode", "output_half_pixel")
    write.put(node)


@since(20, "GridSample")
def grid(node: Node, write: Rewriting) -> None:
    """The modes are called after what they are in any number of axes."""
    if "mode" in node.attributes:
        mode = text(node.attributes["mode"])
        node.attributes["mode"] = _GRID_MODES.get(mode, mode)
    write.put(node)
