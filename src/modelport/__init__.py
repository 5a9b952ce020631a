"""modelport: open any deep-learning model file, say what is inside, carry it to another format.

>>> model = modelport.open("model.h5")  # lazy: no value is read, no code is run
>>> model.components, model.signature, model.training, model.optimizer_state, model.metadata
>>> model.tensors["dense/kernel:0"].numpy()  # name -> Tensor, with dtype and shape
>>> report = modelport.convert("model.h5", "model.onnx")  # verified; iterate over its changes
>>> modelport.verify("model.h5", "model.onnx").agree

``inspect``, ``ready``, ``diff``, ``scan`` and ``formats`` return what the commands of these names
print with ``--json``, as plain dictionaries. Every error is a ``ModelportError``; its message says
what to do.

Names are imported when they are first used, which keeps ``import modelport`` fast.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modelport.commands.convert import convert as convert
    from modelport.commands.diff import diff as diff
    from modelport.commands.formats import formats as formats
    from modelport.commands.inspect import inspect as inspect
    from modelport.commands.open import open_model as open
    from modelport.commands.ready import ready as ready
    from modelport.commands.scan import scan as scan
    from modelport.commands.verify import verify as verify
    from modelport.errors import ModelportError as ModelportError
    from modelport.model.component import Component as Component
    from modelport.model.graph import Graph as Graph
    from modelport.model.graph import Node as Node
    from modelport.model.graph import Value as Value
    from modelport.model.model import Model as Model
    from modelport.model.report import Change as Change
    from modelport.model.report import Report as Report
    from modelport.model.tensor import Tensor as Tensor
    from modelport.verify.agreement import Agreement as Agreement

from modelport.version import VERSION

__version__ = VERSION

_HOMES = {
    "Agreement": "modelport.verify.agreement",
    "Change": "modelport.model.report",
    "Component": "modelport.model.component",
    "Graph": "modelport.model.graph",
    "Model": "modelport.model.model",
    "ModelportError": "modelport.errors",
    "Node": "modelport.model.graph",
    "Report": "modelport.model.report",
    "Tensor": "modelport.model.tensor",
    "Value": "modelport.model.graph",
    "convert": "modelport.commands.convert",
    "diff": "modelport.commands.diff",
    "formats": "modelport.commands.formats",
    "inspect": "modelport.commands.inspect",
    "open": "modelport.commands.open",
    "ready": "modelport.commands.ready",
    "scan": "modelport.commands.scan",
    "verify": "modelport.commands.verify",
}

__all__ = [
    "Agreement",
    "Change",
    "Component",
    "Graph",
    "Model",
    "ModelportError",
    "Node",
    "Report",
    "Tensor",
    "Value",
    "__version__",
    "convert",
    "diff",
    "formats",
    "inspect",
    "open",
    "ready",
    "scan",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'modelport' has no attribute {name!r}")
    found = getattr(import_module(_HOMES[name]), "open_model" if name == "open" else name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return __all__


class _Face(ModuleType):
    """Keeps ``modelport.convert`` a function although a folder ``convert`` stands beside it.

    The import system sets each imported subpackage as an attribute of its parent; for names of the
    public face that is left out.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Face
