"""What the file of a model's source code is called, and how it finds the weights beside it."""

from __future__ import annotations

import keyword
import sys
from importlib.machinery import PathFinder

_FRAMEWORKS = frozenset(
    "h5py jax keras modelport numpy onnx onnxruntime pandas safetensors scipy sklearn tensorflow "
    "tf_keras timm torch torchaudio torchvision transformers".split()
)


def module_name(weights: str) -> str:
    """The name of the source file beside a file of weights: a module that shadows no other one."""
    stem = weights.rpartition(".")[0] or weights
    word = "".join(letter if letter.isalnum() or letter == "_" else "_" for letter in stem)
    word = word if word.isidentifier() else f"_{word}"
    if keyword.iskeyword(word) or keyword.issoftkeyword(word) or _is_module(word):
        word += "_model"
    return f"{word}.py"


def _is_module(word: str) -> bool:
    """Whether Python has a module of that name, or one that is installed."""
    if word in sys.stdlib_module_names or word in _FRAMEWORKS:
        return True
    folders = [path for path in sys.path if path.endswith("-packages")]
    return PathFinder.find_spec(word, folders) is not None


def weights_beside(name: str, weights: str) -> str:
    """An expression of Python, in the file ``name``, for the path of the weights beside it."""
    stem, ending = name.removesuffix(".py"), weights.rpartition(".")[2]
    if weights == f"{stem}.{ending}":
        return f'__file__.removesuffix(".py") + {_quoted(f".{ending}")}'
    return f'__file__.removesuffix("{name}") + {_quoted(weights)}'


def _quoted(text: str) -> str:
    """A text as Python writes it, in double quotes where it can be."""
    found = repr(text)
    return f'"{found[1:-1]}"' if found[0] == "'" and '"' not in found else found
