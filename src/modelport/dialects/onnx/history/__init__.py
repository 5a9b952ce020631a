"""ONNX graphs of every age, written in the newest operator set with the same meaning.

``upgrade`` is the only door. One file a family of operators; each change of an operator's form is
one function there, registered under the version that brought it. ``same.py`` lists the versions
that changed no meaning.
"""

from modelport.dialects.onnx.history.upgrade import upgrade
from modelport.dialects.onnx.history.versions import NEWEST

__all__ = ["NEWEST", "upgrade"]
