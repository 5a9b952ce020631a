"""The modules of a pickled ``nn.Module`` as the tree that they are.

A reader lists them in the order of a walk, each with the path of modules around it as its scope.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from modelport.errors import ConversionError
from modelport.model.graph import Graph, Node

ROOT = "module"
"""The attribute of a graph with the node of a module that has no name of its own."""

SAME = "same as"
"""The attribute of a module that stands in two places: where it stood first."""

HOOKS = "hooks"
"""The attribute with what a module calls around its forward: class and settings of each."""

COMPUTED = (
    "torch.nn.utils.weight_norm.WeightNorm",
    "torch.nn.utils.spectral_norm.SpectralNorm",
)
"""Hooks of torch that compute a weight from others before each forward."""

CHAINS = ("Sequential",)
"""Classes of torch.nn that call what is in them one after the other."""

WRAPPERS = (
    "torch.nn.parallel.data_parallel.DataParallel",
    "torch.nn.parallel.distributed.DistributedDataParallel",
)
"""Classes that call the one module in them."""

_MOST_CALLS = 100_000

OWN_CODE = (
    "what forward of {name} does is not in the file; with its code: modelport convert FILE DST "
    "--model package.module:factory --run-code"
)


@dataclass(slots=True)
class Tree:
    """A module and those in it, by name, in the order of the file."""

    node: Node
    children: dict[str, Tree] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The class as a file calls it, without the package of torch.nn."""
        return self.node.op_type

    def calls(self) -> Iterator[Tree]:
        """The modules that are called one after the other, each that is no mere chain.

        Raises:
            ConversionError: one of them has a forward that is not known.
        """
        waiting, count = [self], 0
        while waiting:
            tree, count = waiting.pop(), count + 1
            if count > _MOST_CALLS:
                raise ConversionError(self.node.name, f"it calls more than {_MOST_CALLS:,} modules")
            node = tree.node
            others = [
                str(hook["class"])
                for hook in node.attributes.get(HOOKS, ())
                if hook["class"] not in COMPUTED
            ]
            if others:
                why = f"it calls {', '.join(others)} around its forward, which is not followed"
                raise ConversionError(f"module {node.name!r}", why)
            if (node.domain == "torch.nn" and node.op_type in CHAINS) or node.op_type in WRAPPERS:
                waiting.extend(reversed(tree.children.values()))
            elif node.domain != "torch.nn":
                raise ConversionError(f"module {node.name!r}", OWN_CODE.format(name=node.op_type))
            else:
                yield tree


def tree_of(graph: Graph) -> Tree:
    """The one module of a file.

    Raises:
        ConversionError: the file holds several.
    """
    root, shift = Tree(graph.attributes.get(ROOT) or graph.nodes[0]), int(ROOT in graph.attributes)
    open_trees, by_path = [root], {"" if shift else root.node.name: root}
    for node in [node for node in graph.nodes if node is not root.node]:
        depth = len(node.scope) + shift
        if depth == 0:
            why = f"the file holds several modules, {root.node.name!r} and {node.name!r} among them"
            raise ConversionError("", why)
        first_place = node.attributes.get(SAME)
        tree = by_path[first_place] if first_place in by_path else Tree(node)
        by_path.setdefault(node.name, tree)
        open_trees[depth - 1].children[node.name.rsplit(".", 1)[-1]] = tree
        open_trees[depth:] = [tree]
    return root
