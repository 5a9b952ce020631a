"""Random graphs of every version that onnxruntime runs, before and after their upgrade."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from tests.dialects.onnx.history_live import Case, run, upgraded

from modelport.dialects.onnx.history import NEWEST


class Chain:
    """A graph of one path, whose value keeps four axes; nodes in the form of ``opset``."""

    def __init__(self, opset: int, seed: int) -> None:
        self.opset = opset
        self.rng = np.random.default_rng([opset, seed])
        self.nodes: list[onnx.NodeProto] = []
        self.last = "x"
        self.shape = [2, 4, 3, 6]

    def add(self, op_type: str, *more: object, extra: int = 0, **attributes: object) -> None:
        inputs = [self.last, *(self.constant(item) if item is not None else "" for item in more)]
        name = f"v{len(self.nodes)}"
        outputs = [name, *(f"{name}_{i}" for i in range(extra))]
        self.nodes.append(helper.make_node(op_type, inputs, outputs, **attributes))
        self.last = name

    def constant(self, values: object) -> str:
        name = f"c{len(self.nodes)}_{self.rng.integers(1 << 30)}"
        array = np.asarray(values)
        if array.dtype == np.float64:
            array = array.astype(np.float32)
        held = numpy_helper.from_array(array)
        self.nodes.append(helper.make_node("Constant", [], [name], value=held))
        return name

    def lists(self, since: int, op_type: str, lists: dict[str, list[int]], **rest: object) -> None:
        """A node whose lists are attributes before a version, and inputs from it on."""
        if self.opset < since:
            self.add(op_type, **lists, **rest)
        else:
            self.add(op_type, *lists.values(), **rest)

    def axis(self) -> int:
        return int(self.rng.integers(-4 if self.opset >= 11 else 0, 4))

    def softmax(self) -> None:
        self.add(str(self.rng.choice(["Softmax", "LogSoftmax"])), axis=self.axis())

    def hidden(self) -> None:
        """The same after a Reshape that hides the shape."""
        self.add("Reshape", [0, 0, 0, -1])
        self.softmax()

    def reduce(self) -> None:
        axis = self.axis()
        op_type = str(self.rng.choice(["ReduceSum", "ReduceMean", "ReduceMax", "ReduceL2"]))
        self.lists(13 if op_type == "ReduceSum" else 18, op_type, {"axes": [axis]})
        self.shape[axis] = 1

    def squeeze(self) -> None:
        axis = self.axis()
        self.lists(13, "Unsqueeze", {"axes": [axis]})
        self.lists(13, "Squeeze", {"axes": [axis]})

    def cut(self) -> None:
        axis = int(self.rng.integers(4))
        if self.shape[axis] > 1:
            self.lists(10, "Slice", {"starts": [1], "ends": [1 << 40], "axes": [axis]})
            self.shape[axis] -= 1

    def pad(self) -> None:
        pads = [0, 0, 1, 0, 0, 1, 0, 2]
        if self.opset < 11:
            self.add("Pad", pads=pads, value=0.5)
        else:
            self.add("Pad", pads, 0.5)
        self.shape = [n + pads[i] + pads[i + 4] for i, n in enumerate(self.shape)]

    def clip(self) -> None:
        if self.opset < 11:
            self.add("Clip", min=-0.5)
        else:
            self.add("Clip", -0.5, 1.5)

    def split(self) -> None:
        first = self.shape[3] // 2
        if first:
            self.lists(13, "Split", {"split": [first, self.shape[3] - first]}, extra=1, axis=3)
            self.shape[3] = first

    def enlarge(self) -> None:
        scales = [1.0, 1.0, 1.5, 2.0]
        mode = str(self.rng.choice(["nearest", "linear"]))
        if self.opset < 9:
            self.add("Upsample", scales=scales, mode=mode)
        elif self.opset < 11:
            self.add("Upsample" if self.opset == 9 else "Resize", scales, mode=mode)
        else:
            self.add("Resize", np.zeros(0, np.float32), scales, mode=mode)
        self.shape = [int(n * scale) for n, scale in zip(self.shape, scales, strict=True)]

    def drop(self) -> None:
        self.add("Dropout", extra=int(self.rng.integers(2)))

    def normalise(self) -> None:
        count = self.shape[1]
        self.add("BatchNormalization", *self.rng.uniform(0.5, 2, (4, count)))

    def best(self) -> None:
        if self.shape[2] > 1:
            if self.opset < 10:
                self.add("TopK", extra=1, axis=2, k=2)
            else:
                self.add("TopK", [2], extra=1, axis=2)
            self.shape[2] = 2

    def turn(self) -> None:
        self.add("Transpose", perm=[0, 2, 3, 1])
        self.shape = [self.shape[axis] for axis in (0, 2, 3, 1)]

    def pool(self) -> None:
        op_type = str(self.rng.choice(["MaxPool", "AveragePool"]))
        self.add(op_type, kernel_shape=[2, 2], auto_pad="SAME_UPPER")

    def scale(self) -> None:
        self.add(str(self.rng.choice(["Add", "Mul", "PRelu"])), self.rng.uniform(0.5, 2, (1, 1)))


STEPS = [method for name, method in vars(Chain).items() if callable(method) and name not in
         ("__init__", "add", "constant", "lists", "axis")]  # fmt: skip


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("opset", range(7, NEWEST))
def test_random_chains_keep_their_results(opset: int, seed: int, tmp_path: Path) -> None:
    chain = Chain(opset, seed)
    for step in chain.rng.permutation(len(STEPS))[:8]:
        STEPS[step](chain)
    chain.nodes.append(helper.make_node("Identity", [chain.last], ["y"]))
    x = chain.rng.standard_normal((2, 4, 3, 6)).astype(np.float32)
    case = Case("chain", opset, chain.nodes, {"x": x})
    path = tmp_path / "old.onnx"
    path.write_bytes(case.proto(shaped=True).SerializeToString())
    (wanted,) = case.truth()
    _, target = upgraded(path)
    made = onnx.load(target)
    (found,) = run(made, case.inputs)
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-6 * max(1, np.abs(wanted).max()))
    dims = made.graph.output[0].type.tensor_type.shape
    dims.SetInParent()
    for extent in wanted.shape:
        dims.dim.add().dim_value = extent
    onnx.checker.check_model(made, full_check=True)
