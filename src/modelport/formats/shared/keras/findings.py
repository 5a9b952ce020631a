"""What in a Keras config would run code, read files, or needs code that modelport does not know.

The config is data here: nothing named in it is imported, and bytecode is never decoded.
"""

from __future__ import annotations

import sys
from typing import Any

from modelport.formats.shared.keras.classes import (
    ACTIVATIONS,
    APPLICATIONS,
    CLASSES,
    FUNCTIONS,
    OPTIMIZERS,
)
from modelport.model.model import Finding, Level

_ACTIVATION_KEYS = ("activation", "recurrent_activation", "inner_activation")
_VOCABULARY = ("StringLookup", "IntegerLookup", "TextVectorization")
_FILE_READERS = ("TFSMLayer",)
_BYTECODE_KEYS = (
    "function_type",
    "mode_type",
    "output_shape_type",
    "output_mask_type",
    "mask_type",
)

# What a call of TensorFlow may reach beyond numbers: files, the network, Python, libraries.
_TF_FUNCTIONS = ("io.", "data.", "saved_model.", "summary.", "train.", "distribute.", "raw_ops.")
_TF_CALLS = ("py_function", "numpy_function", "py_func", "load_library", "load_op_library", "print")
_TF_OPERATORS = (
    *("ReadFile", "WriteFile", "MatchingFiles", "PyFunc", "EagerPyFunc", "PyFuncStateless"),
    *("SaveV2", "RestoreV2", "TFRecordDataset", "TextLineDataset", "Save", "Restore"),
)


def find(config: Any) -> list[Finding]:
    """The findings in a config of any nesting, in the order of the file."""
    found: list[Finding] = []
    waiting: list[tuple[str, Any]] = [("", config)]
    while waiting:
        where, value = waiting.pop()
        if isinstance(value, list):
            waiting.extend(
                (f"{where}[{index}]", item)
                for index, item in reversed(list(enumerate(value)))
                if isinstance(item, dict | list)
            )
        elif isinstance(value, dict):
            where = _name(where, value)
            found.extend(_object(where, value))
            waiting.extend(
                (f"{where}.{key}" if where else key, item)
                for key, item in reversed(value.items())
                if isinstance(item, dict | list)
            )
    return found


def _name(where: str, value: dict[str, Any]) -> str:
    """A layer's own name tells more than its place in a list."""
    config = value.get("config")
    name = value.get("name") or (config.get("name") if isinstance(config, dict) else None)
    if isinstance(value.get("class_name"), str) and isinstance(name, str):
        return f"{where.rsplit('[', 1)[0]}/{name}" if where else name
    return where


def _object(where: str, value: dict[str, Any]) -> list[Finding]:
    found = [
        Finding("KER-008", Level.NEEDS_CODE, f"the function {value[key]!r}", where)
        for key in _ACTIVATION_KEYS
        if isinstance(value.get(key), str) and value[key] not in ACTIVATIONS | CLASSES
    ]
    class_name = value.get("class_name")
    stated = (value.get(key) for key in ("config", "name", "fn"))
    if any(isinstance(text, str) and "enable_unsafe_deserialization" in text for text in stated):
        what = "the config turns safe loading off"
        found.append(Finding("KER-006", Level.DANGEROUS, what, where))
    if not isinstance(class_name, str) or "config" not in value:
        return found
    config = value["config"]
    if class_name == "function":
        found.extend(_function(where, value))
    elif class_name == "__lambda__":
        found.append(Finding("KER-001", Level.DANGEROUS, "a function as Python bytecode", where))
    elif class_name.rsplit(">", 1)[-1] == "Lambda":
        found.append(_lambda(where, config))
    elif class_name.rsplit(">", 1)[-1] == "TorchModuleWrapper":
        found.append(
            Finding("KER-002", Level.DANGEROUS, "TorchModuleWrapper unpickles a module", where)
        )
    else:
        found.extend(_class(where, class_name, value))
    if isinstance(config, dict):
        found.extend(_config(where, class_name, config))
    return found


def _config(where: str, class_name: str, config: dict[str, Any]) -> list[Finding]:
    """What stands in the config of a known class: bytecode of a Merge, calls of TensorFlow."""
    found = []
    if class_name != "Lambda" and any(config.get(key) == "lambda" for key in _BYTECODE_KEYS):
        what = f"{class_name} holds Python bytecode"
        found.append(Finding("KER-001", Level.DANGEROUS, what, where))
    function = config.get("function")
    if class_name == "TFOpLambda" and isinstance(function, str) and _reaches_out(function):
        found.append(Finding("KER-010", Level.DANGEROUS, f"a call of tf.{function}", where))
    if class_name == "TensorFlowOpLayer":
        node = str(config.get("node_def"))
        names = [name for name in _TF_OPERATORS if f'"{name}"' in node or f"'{name}'" in node]
        found.extend(
            Finding("KER-010", Level.DANGEROUS, f"the TensorFlow operator {name}", where)
            for name in names
        )
    return found


def _reaches_out(function: str) -> bool:
    """Whether a function of TensorFlow does more than compute."""
    return function.startswith(_TF_FUNCTIONS) or function.rsplit(".", 1)[-1] in _TF_CALLS


def _lambda(where: str, config: Any) -> Finding:
    kinds = [config.get(key) for key in ("function_type", "output_shape_type", "mask_type")]
    function = config.get("function")
    if isinstance(function, str) and kinds[0] == "function" and "lambda" not in kinds:
        return Finding(
            "KER-009", Level.NEEDS_CODE, f"Lambda calls the function {function!r}", where
        )
    if isinstance(function, dict) and function.get("class_name") == "function":
        # The function itself is judged where it stands.
        return Finding("KER-009", Level.NEEDS_CODE, "Lambda calls a function by name", where)
    return Finding("KER-001", Level.DANGEROUS, "Lambda holds Python bytecode", where)


def _function(where: str, value: dict[str, Any]) -> list[Finding]:
    module, name = value.get("module"), value["config"]
    if isinstance(name, dict):
        name = name.get("function_name") or name.get("name")
    inside = module in (None, "builtins") or _of_keras(module)
    if inside and isinstance(name, str) and name in ACTIVATIONS | FUNCTIONS:
        return []
    if isinstance(module, str) and module.startswith(("keras.ops", "keras.src.ops")):
        return []
    what = f"{module}.{name}" if module else str(name)
    if module in (None, "builtins"):
        return [Finding("KER-008", Level.NEEDS_CODE, f"the function {what}", where)]
    return [Finding("KER-003", Level.DANGEROUS, f"a reference to the function {what}", where)]


def _class(where: str, class_name: str, value: dict[str, Any]) -> list[Finding]:
    module, config = value.get("module"), value["config"]
    top = module.split(".")[0] if isinstance(module, str) else ""
    if top in sys.stdlib_module_names and top not in ("__main__", "builtins"):
        return [Finding("KER-004", Level.DANGEROUS, f"a reference to {module}.{class_name}", where)]
    found = []
    package, _, name = class_name.rpartition(">")
    names = CLASSES | APPLICATIONS if _of_applications(module) else CLASSES
    known = name in (names if package in ("", "keras", "keras.src") else OPTIMIZERS)
    if (
        not known
        or (package not in ("", "keras", "Custom"))
        or (top and not _of_keras(module) and top != "builtins")
    ):
        found.append(Finding("KER-007", Level.NEEDS_CODE, f"the class {class_name}", where))
    if (
        name in _VOCABULARY
        and isinstance(config, dict)
        and isinstance(config.get("vocabulary"), str)
    ):
        what = f"{name} reads the file {config['vocabulary']!r}"
        found.append(Finding("KER-005", Level.DANGEROUS, what, where))
    if name in _FILE_READERS:
        found.append(Finding("KER-005", Level.DANGEROUS, f"{name} loads a SavedModel", where))
    return found


def _of_keras(module: Any) -> bool:
    return isinstance(module, str) and module.split(".")[0] in ("keras", "tf_keras")


def _of_applications(module: Any) -> bool:
    return _of_keras(module) and "applications" in module.split(".")
