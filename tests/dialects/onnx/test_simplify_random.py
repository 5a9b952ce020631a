"""Random graphs of what the rules look for, before and after: onnxruntime gives the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from tests.dialects.onnx.history_live import session
from tests.dialects.onnx.simplify_live import pair, same

OPSET = 18


class Net:
    """A graph that grows by random nodes; every value's shape is known by running numpy's rules."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.held: list[onnx.TensorProto] = []
        self.shapes: dict[str, tuple[int, ...]] = {"x": (2, 3, 4, 5)}
        if self.rng.random() < 0.3:
            self.shapes["x"] = (1, 3, 1, 5)

    def pick(self) -> str:
        names = [name for name, shape in self.shapes.items() if shape]
        return names[-1] if self.rng.random() < 0.7 else str(self.rng.choice(names))

    def constant(self, values: Any, dtype: Any = np.int64) -> str:
        name = f"c{len(self.held) + len(self.nodes)}"
        held = numpy_helper.from_array(np.asarray(values, dtype), name)
        if self.rng.random() < 0.5:
            self.held.append(held)
        else:
            self.nodes.append(helper.make_node("Constant", [], [name], value=held))
        return name

    def add(self, op_type: str, inputs: list[str], *shapes: tuple[int, ...], **more: Any) -> None:
        names = [f"v{len(self.nodes)}_{i}" for i in range(len(shapes))]
        self.nodes.append(helper.make_node(op_type, inputs, names, **more))
        self.shapes.update(zip(names, shapes, strict=True))

    def transpose(self) -> None:
        x = self.pick()
        order = [int(i) for i in self.rng.permutation(len(self.shapes[x]))]
        self.add("Transpose", [x], tuple(self.shapes[x][i] for i in order), perm=order)

    def back(self) -> None:
        """The opposite of the last transpose."""
        turned = [node for node in self.nodes if node.op_type == "Transpose"]
        if turned:
            order = list(turned[-1].attribute[0].ints)
            x = self.pick()
            if len(self.shapes[x]) == len(order):
                back = sorted(range(len(order)), key=order.__getitem__)
                self.add("Transpose", [x], tuple(self.shapes[x][i] for i in back), perm=back)

    def reshape(self) -> None:
        x = self.pick()
        shape = list(self.shapes[x])
        if self.rng.random() < 0.5 and len(shape) > 1:
            at = int(self.rng.integers(len(shape) - 1))
            shape[at : at + 2] = [shape[at] * shape[at + 1]]
        else:
            shape = [shape[i] for i in self.rng.permutation(len(shape))]
        asked = list(shape)
        if self.rng.random() < 0.4 and asked:
            asked[int(self.rng.integers(len(asked)))] = -1
        self.add("Reshape", [x, self.constant(asked)], tuple(shape))

    def by_shape(self) -> None:
        """A Reshape as exporters write it, by way of Shape and Gather."""
        x = self.pick()
        shape = self.shapes[x]
        if len(shape) < 2:
            return
        n = len(self.nodes)
        self.nodes += [
            helper.make_node("Shape", [x], [f"s{n}"]),
            helper.make_node("Gather", [f"s{n}", self.constant(0)], [f"g{n}"]),
            helper.make_node("Unsqueeze", [f"g{n}", self.constant([0])], [f"u{n}"]),
            helper.make_node("Concat", [f"u{n}", self.constant([-1])], [f"t{n}"], axis=0),
        ]
        self.add("Reshape", [x, f"t{n}"], (shape[0], int(np.prod(shape[1:]))))

    def unsqueeze(self) -> None:
        x = self.pick()
        axis = int(self.rng.integers(len(self.shapes[x]) + 1))
        shape = list(self.shapes[x])
        shape.insert(axis, 1)
        if len(shape) < 7:
            self.add("Unsqueeze", [x, self.constant([axis])], tuple(shape))

    def squeeze(self) -> None:
        x = self.pick()
        ones = [i for i, extent in enumerate(self.shapes[x]) if extent == 1]
        if ones:
            axis = int(self.rng.choice(ones))
            shape = list(self.shapes[x])
            del shape[axis]
            self.add("Squeeze", [x, self.constant([axis])], tuple(shape))

    def unary(self) -> None:
        x = self.pick()
        kind = str(self.rng.choice(["Relu", "Sigmoid", "Tanh", "Neg", "Abs", "Identity", "Erf"]))
        self.add(kind, [x], self.shapes[x])

    def binary(self) -> None:
        x = self.pick()
        shape = self.shapes[x]
        other = [name for name, found in self.shapes.items() if found == shape]
        y = str(self.rng.choice(other))
        if self.rng.random() < 0.6:
            own = shape[int(self.rng.integers(len(shape) + 1)) :]
            own = tuple(1 if self.rng.random() < 0.3 else extent for extent in own)
            values = self.rng.normal(size=own)
            if self.rng.random() < 0.2:
                values = np.full(own, self.rng.choice([0.0, 1.0]))
            y = self.constant(values, np.float32)
        pair = [x, y] if self.rng.random() < 0.5 else [y, x]
        self.add(str(self.rng.choice(["Add", "Mul", "Sub", "Max", "Min"])), pair, shape)

    def slice(self) -> None:
        x = self.pick()
        axis = int(self.rng.integers(len(self.shapes[x])))
        extent = self.shapes[x][axis]
        begin, end = sorted(int(i) for i in self.rng.integers(0, extent + 1, 2))
        if self.rng.random() < 0.3:
            begin, end = 0, 1 << 40
        step = int(self.rng.choice([1, 1, 2, -1]))
        if step < 0:
            begin, end = extent - 1, -(1 << 40)
        shape = list(self.shapes[x])
        shape[axis] = len(range(extent)[slice(begin, None if step < 0 else end, step)])
        if shape[axis]:
            parts = [self.constant([i]) for i in (begin, end, axis, step)]
            self.add("Slice", [x, *parts], tuple(shape))

    def split_and_join(self) -> None:
        x = self.pick()
        axis = int(self.rng.integers(len(self.shapes[x])))
        extent = self.shapes[x][axis]
        if extent > 1:
            left = [*self.shapes[x]]
            right = [*self.shapes[x]]
            left[axis], right[axis] = 1, extent - 1
            sizes = self.constant([1, extent - 1])
            self.add("Split", [x, sizes], tuple(left), tuple(right), axis=axis)
            names = list(self.shapes)[-2:]
            if self.rng.random() < 0.6:
                order = names if self.rng.random() < 0.5 else names[::-1]
                self.add("Concat", order, self.shapes[x], axis=axis)

    def weight(self) -> None:
        """A weight that is rearranged before it is used."""
        rows, columns = (int(i) for i in self.rng.integers(5, 12, 2))
        self.held.append(
            numpy_helper.from_array(
                self.rng.normal(size=(rows, columns)).astype(np.float32), f"w{len(self.nodes)}"
            )
        )
        self.shapes[self.held[-1].name] = (rows, columns)

    def product(self) -> None:
        x = self.pick()
        if len(self.shapes[x]) > 1:
            columns = int(self.rng.integers(2, 5))
            extent = self.shapes[x][-1]
            y = self.constant(self.rng.normal(size=(extent, columns)), np.float32)
            self.add("MatMul", [x, y], (*self.shapes[x][:-1], columns))

    def normal(self) -> None:
        x = self.pick()
        axis = -1 if self.rng.random() < 0.5 else 0
        less = (*self.shapes[x][:-1], 1) if axis else (1, *self.shapes[x][1:])
        self.add("ReduceMean", [x, self.constant([axis])], less)
        self.add("Sub", [x, list(self.shapes)[-1]], self.shapes[x])
        d = list(self.shapes)[-1]
        self.add("Mul", [d, d], self.shapes[x])
        self.add("ReduceMean", [list(self.shapes)[-1], self.constant([axis])], less)
        self.add("Add", [list(self.shapes)[-1], self.constant(0.01, np.float32)], less)
        self.add("Sqrt", [list(self.shapes)[-1]], less)
        self.add("Div", [d, list(self.shapes)[-1]], self.shapes[x])

    def gate(self) -> None:
        x = self.pick()
        self.add("Sigmoid", [x], self.shapes[x])
        self.add("Mul", [list(self.shapes)[-1], x], self.shapes[x])

    def proto(self, *, named: bool) -> onnx.ModelProto:
        names = [name for node in self.nodes for name in node.output if name in self.shapes]
        some = {names[-1], *self.rng.choice(names, 2).tolist()}
        shape: list[Any] = list(self.shapes["x"])
        if named:
            shape = ["n", *shape[1:]]
        x = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
        outputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in sorted(some)]
        graph = helper.make_graph(self.nodes, "g", [x], outputs, self.held)
        opset = [helper.make_opsetid("", OPSET)]
        return helper.make_model(graph, opset_imports=opset, ir_version=9)


STEPS: list[Callable[[Net], None]] = [
    *(Net.transpose, Net.back, Net.back, Net.reshape, Net.by_shape, Net.unsqueeze, Net.squeeze),
    *(Net.unary, Net.unary, Net.binary, Net.binary, Net.slice, Net.split_and_join, Net.weight),
    *(Net.product, Net.normal, Net.gate),
]


def grown(seed: int) -> Net:
    net = Net(seed)
    while len(net.nodes) < 25:
        STEPS[int(net.rng.integers(len(STEPS)))](net)
    return net


def results(path: Path, x: NDArray[Any]) -> list[Any]:
    return list(session(path).run(None, {"x": x}))


@pytest.mark.parametrize("seed", range(60))
def test_random_graphs_compute_what_they_did(seed: int, tmp_path: Path) -> None:
    net = grown(seed)
    both = pair(net.proto(named=seed % 2 == 1), tmp_path)
    x = net.rng.normal(size=net.shapes["x"]).astype(np.float32)
    feeds = {"x": x} if any(value.name == "x" for value in both.before.inputs) else {}
    for found, wanted in zip(*reversed(both.run(feeds)), strict=True):
        same(found, wanted, 1e-5)
    assert len(both.after.nodes) <= len(both.before.nodes)
