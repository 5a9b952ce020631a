"""Keras weights in several HDF5 files: ``save_weights("x.weights.json", max_shard_size=...)``.

The index maps each group of variables (``/layers/dense/vars``) to the file or files that its
variables are in, in their order; together the files are one tree of objects.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from modelport.errors import MalformedFile, UnsupportedFeature
from modelport.formats.candidate import Candidate
from modelport.formats.shared.keras.layout import store_datasets
from modelport.formats.shared.keras.store import metric_state, read_store, state_below, weights
from modelport.formats.shared.keras.training import optimizer_state
from modelport.model.component import Component
from modelport.model.model import Model
from modelport.model.training import METRIC_STATE
from modelport.wire.hdf5 import HDF5File

_GROUP = re.compile(r"/(.*/)?vars$")


def is_tree(listed: Mapping[Any, Any]) -> bool:
    """Whether an index maps groups of variables rather than tensors."""
    return all(isinstance(name, str) and _GROUP.match(name) for name in listed)


def read_shards(candidate: Candidate, model: Model, listed: Mapping[str, Any]) -> list[int]:
    """Put the variables of all files into the model; returns the bytes of each.

    Raises:
        MalformedFile: a file is broken, a variable is in two, or one is where the index says
            nothing of it; UnsupportedFeature: something else is in a file; UnsafeFile,
            UnreadableFile: a file lies outside, or is missing.
    """
    groups = _files(candidate, listed)
    files: list[HDF5File] = []
    sizes: list[int] = []
    seen: set[str] = set()
    for name in sorted({file for found in groups.values() for file in found}):
        shard = candidate.beside(name)
        sizes.append(shard.source.size)
        files.append(shard.hdf5)
        for path in _variables(candidate, name, shard.hdf5):
            if path in seen or name not in groups.get(path.rpartition("/")[0], ()):
                found = f"{path} in {name!r}"
                raise _broken(candidate, "each variable once, where the index says", found)
            seen.add(path)
    empty = next((group for group in groups if not _holds(group, seen)), None)
    if empty is not None:
        raise _broken(candidate, f"variables of {empty}", "none in the files it names")
    root = read_store(files)
    model.graph.tensors.update({item.name: item for item in weights(root)})
    model.extras["names"] = root.stated_names()
    model.extras[METRIC_STATE] = metric_state(root)
    model.optimizer_state = optimizer_state(state_below(root, "optimizer"))
    if model.optimizer_state is not None:
        model.evidence[Component.OPTIMIZER_STATE] = "/optimizer in the files of the index"
    return sizes


def _files(candidate: Candidate, listed: Mapping[str, Any]) -> dict[str, list[str]]:
    """The files of each group."""
    groups: dict[str, list[str]] = {}
    for group, stated in listed.items():
        names = stated if isinstance(stated, list) else [stated]
        if not names or not all(isinstance(name, str) for name in names):
            raise _broken(candidate, f"names of files for {group[:60]!r}", repr(stated)[:40])
        groups[group] = names
    return groups


def _variables(candidate: Candidate, name: str, file: HDF5File) -> list[str]:
    found = store_datasets(file)
    other = next((path for path in file.datasets() if path not in found), None)
    if other is not None:
        what = f"a dataset that is no variable ({other} in {name!r}) below an index"
        raise UnsupportedFeature(candidate.source.name, what)
    return found


def _holds(group: str, variables: set[str]) -> bool:
    return any(path.rpartition("/")[0] == group for path in variables)


def _broken(candidate: Candidate, expected: str, found: str) -> MalformedFile:
    return MalformedFile(candidate.source.name, expected=expected, found=found)
