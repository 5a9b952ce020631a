"""One spelling for a global that Python 2, Python 3 and the versions of numpy name differently.

The renamed modules are those of CPython's ``Lib/_compat_pickle.py`` that occur in model files.
"""

from __future__ import annotations

from modelport.wire.pickle import Reference

_MODULES = {
    "__builtin__": "builtins",
    "copy_reg": "copyreg",
    "cPickle": "pickle",
    "_pickle": "pickle",
    "exceptions": "builtins",
    "UserDict": "collections",
    "UserList": "collections",
    "Queue": "queue",
    "commands": "subprocess",
    "urllib2": "urllib.request",
    "numpy.core.multiarray": "numpy._core.multiarray",
    "numpy.core.numeric": "numpy._core.numeric",
    "numpy.core._internal": "numpy._core._internal",
    "pathlib._local": "pathlib",
    "_collections": "collections",
    "_decimal": "decimal",
    "_operator": "operator",
    "_io": "io",
    "_functools": "functools",
    "posix": "os",
    "nt": "os",
}
_NAMES = {
    "builtins.xrange": "builtins.range",
    "builtins.unicode": "builtins.str",
    "builtins.long": "builtins.int",
    "builtins.reduce": "functools.reduce",
    "numpy._core.multiarray._frombuffer": "numpy._core.numeric._frombuffer",
    "collections.IterableUserDict": "collections.UserDict",
    "builtins.file": "io.open",
}


def canonical(reference: Reference) -> str:
    """``module.name`` in today's spelling."""
    name = f"{_MODULES.get(reference.module, reference.module)}.{reference.name}"
    return _NAMES.get(name, name)


def package(name: str) -> str:
    """The first part of a dotted name."""
    return name.split(".", 1)[0]
