"""Weights in the object-tree HDF5 layout of Keras 3 (``layers/dense/vars/0``)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from modelport.formats.shared.hdf5_tensors import tensor
from modelport.formats.shared.keras.layout import store_datasets
from modelport.formats.shared.keras.lookups import LOOKUPS
from modelport.formats.shared.keras.values import snake_case, wrappers_around
from modelport.model.graph import Graph, Node
from modelport.model.tensor import Tensor
from modelport.wire.hdf5 import HDF5File

CONTAINERS = ("layers", "_layer_checkpoint_dependencies", "_layers", "operations", "_operations")
NOT_WEIGHTS = ("optimizer", "metrics", "_compile_metrics")


@dataclass(slots=True)
class Branch:
    """A group of the tree: its groups and variables by name, and the name that it states."""

    name: str | None = None
    groups: dict[str, Branch] = field(default_factory=dict)
    variables: dict[str, Tensor] = field(default_factory=dict)
    assets: dict[str, str] = field(default_factory=dict)
    """What objects keep beside the variables: texts by the names of their files."""

    def tensors(self, path: str = "") -> dict[str, Tensor]:
        """Every variable from here on, by its path from here, in the order of the tree."""
        found = {path + name: item for name, item in self.variables.items()}
        for name, group in self.groups.items():
            found.update(group.tensors(f"{path}{name}/"))
        return found

    def take_assets(self, path: str = "") -> dict[str, str]:
        """Every text from here on, by its path from here; they are no longer in the tree."""
        found = {path + name: text for name, text in self.assets.items()}
        self.assets = {}
        for name, group in self.groups.items():
            found.update(group.take_assets(f"{path}{name}/"))
        return found

    def stated_names(self, path: str = "") -> dict[str, str]:
        """The names that objects state, by their paths: what their paths do not tell."""
        found = {}
        for step, group in self.groups.items():
            if step == "vars" and group.name is not None:
                found[path.rstrip("/")] = group.name
            found.update(group.stated_names(f"{path}{step}/"))
        return found


def read_store(files: list[HDF5File]) -> Branch:
    """The tree of a ``.weights.h5``, which may come in several files.

    Files written on Windows by Keras 2 have backslashes inside names; they separate groups too.
    What lies outside of groups ``vars`` is no variable. Variables are in the order of their
    numbers. Tensors are called by their paths in the file.
    """
    root = Branch()
    for file in files:
        variables = set(store_datasets(file))
        for path, entry in file.entries.items():
            steps = [step for step in re.split(r"[/\\]", path) if step]
            if entry.kind == "group":
                stated = file.attributes(path).get("name")
                branch = _branch(root, steps)
                if isinstance(stated, str):
                    branch.name = stated
            elif path in variables:
                _branch(root, steps[:-1]).variables[steps[-1]] = tensor(file, path, path[1:])
    _sort(root)
    return root


def add_asset(root: Branch, path: str, text: str) -> None:
    """Put a text into the tree, at the path that its object has there."""
    *steps, name = path.split("/")
    _branch(root, steps).assets[name] = text


def _branch(root: Branch, steps: list[str]) -> Branch:
    for step in steps:
        root = root.groups.setdefault(step, Branch())
    return root


def _sort(branch: Branch) -> None:
    branch.variables = dict(sorted(branch.variables.items(), key=lambda item: _number(item[0])))
    for group in branch.groups.values():
        _sort(group)


def _number(name: str) -> tuple[int, str]:
    return (int(name), "") if name.isdecimal() and len(name) < 10 else (1 << 40, name)


def place_store(graph: Graph, root: Branch) -> list[Tensor]:
    """Give every variable to its layer's node; what is left over belongs to no layer.

    A tensor is then called by its layer's name and its path below the layer's group.
    """
    given: set[int] = set()
    _place_model(graph, root, root, given, "")
    left = []
    for item in weights(root):
        if id(item) not in given:
            graph.tensors[item.name] = item
            left.append(item)
    return left


def weights(root: Branch) -> list[Tensor]:
    """Every variable that is no state of an optimizer or a metric."""
    found = list(root.variables.values())
    for name, group in root.groups.items():
        if name not in NOT_WEIGHTS:
            found.extend(group.tensors().values())
    return found


def _place_model(graph: Graph, model: Branch, root: Branch, given: set[int], prefix: str) -> None:
    layers: dict[str, list[Node]] = {}
    for node in graph.nodes:
        layers.setdefault(node.scope[-1].name, []).append(node)
    groups = _match(layers, model)
    for name, nodes in layers.items():
        group = groups.get(name) or _shared(root, name, nodes[0])
        if group is None:
            continue
        inner = nodes[0].attributes.get("graph")
        if isinstance(inner, Graph):
            _place_inner(inner, nodes, group, root, given, f"{prefix}{name}")
        else:
            _give(graph, nodes, group, given, f"{prefix}{name}")


def _place_inner(
    inner: Graph, nodes: list[Node], group: Branch, root: Branch, given: set[int], name: str
) -> None:
    """A nested model's variables go to its layers; a wrapper holds its model as ``layer``."""
    for _ in range(wrappers_around(nodes[0].attributes["config"])):
        group = group.groups.get("layer", group)
    _place_model(inner, group, root, given, f"{name}/")


def _give(graph: Graph, nodes: list[Node], group: Branch, given: set[int], name: str) -> None:
    assets = group.take_assets()
    lookup = nodes[0].op_type in LOOKUPS
    for node in nodes if assets else ():
        node.attributes["assets"] = assets
    for path, item in group.tensors().items():
        if lookup and path.endswith("vars/idf_weights"):
            given.add(id(item))
            for node in nodes:
                node.attributes["idf_weights"] = item
            continue
        if id(item) not in given:
            given.add(id(item))
            item.name = f"{name}/{path}"
        graph.tensors[item.name] = item
        for node in nodes:
            node.parameters[path] = item.name


def _match(layers: dict[str, list[Node]], model: Branch) -> dict[str, Branch]:
    """The group of every layer: by the name the group states, else by counting the class."""
    containers = [model.groups[name] for name in CONTAINERS if name in model.groups]
    groups = {key: group for each in containers for key, group in each.groups.items()}
    stated = {_stated(group): group for group in groups.values() if _stated(group) is not None}
    counts: dict[str, int] = {}
    found: dict[str, Branch] = {}
    # The first layer of a Sequential is in the config, but not among its layers on disk.
    hidden = "input_layer" not in groups
    for name, nodes in layers.items():
        key = snake_case(nodes[0].op_type)
        if key == "input_layer" and hidden:
            continue
        number = counts.get(key, 0)
        counts[key] = number + 1
        group = stated.get(name)
        if group is None:
            group = groups.get(f"{key}_{number}" if number else key)
            if group is not None and _stated(group) is not None:
                group = None
        if group is not None:
            found[name] = group
    return found


def _stated(group: Branch) -> str | None:
    variables = group.groups.get("vars")
    return None if variables is None else variables.name


def _shared(root: Branch, name: str, node: Node) -> Branch | None:
    """A layer used by two models is stored with one of them: the group that states its name."""
    wanted = re.compile(rf"{re.escape(snake_case(node.op_type))}(_\d+)?$")
    waiting = [root]
    while waiting:
        branch = waiting.pop()
        for key, group in branch.groups.items():
            if _stated(group) == name and wanted.match(key):
                return group
            waiting.append(group)
    return None


def metric_state(root: Branch) -> dict[str, Tensor]:
    """What the metrics had counted when the file was written, by path."""
    return state_below(root, "metrics") | state_below(root, "_compile_metrics")


def state_below(root: Branch, name: str) -> dict[str, Tensor]:
    """The variables of an optimizer or of metrics, by path (``optimizer/vars/0``)."""
    group = root.groups.get(name)
    return {} if group is None else group.tensors(f"{name}/")
