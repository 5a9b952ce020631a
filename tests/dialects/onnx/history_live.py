"""Running small ONNX models as they were and upgraded, with onnxruntime and onnx' reference."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from modelport.dialects.onnx.history import NEWEST, upgrade
from modelport.formats import table
from modelport.formats.candidate import Candidate
from modelport.formats.shared.onnx import model_write
from modelport.model.model import Model
from modelport.model.report import Report
from modelport.wire.output import Output

Arrays = dict[str, NDArray[Any]]
onnxruntime.set_default_logger_severity(4)


@dataclass
class Case:
    """One small model: nodes over ``inputs`` and ``constants``, with outputs ``y`` and more.

    ``expected`` computes the outputs from all arrays where no runtime knows the version, or where
    those that do are wrong; ``why`` says what the specification has to say about it.
    """

    id: str
    opset: int
    nodes: Sequence[onnx.NodeProto]
    inputs: Arrays
    constants: Arrays = field(default_factory=dict)
    outputs: dict[str, int] = field(default_factory=lambda: {"y": TensorProto.FLOAT})
    expected: Callable[[Arrays], Sequence[Any]] | None = None
    functions: Sequence[onnx.FunctionProto] = ()

    def proto(self, *, shaped: bool) -> onnx.ModelProto:
        """The model, with or without the shapes of its inputs."""
        inputs = [
            helper.make_tensor_value_info(
                name,
                helper.np_dtype_to_tensor_dtype(array.dtype),
                array.shape if shaped else None,
            )
            for name, array in self.inputs.items()
        ]
        outputs = [
            helper.make_tensor_value_info(name, kind, None) for name, kind in self.outputs.items()
        ]
        held = [numpy_helper.from_array(array, name) for name, array in self.constants.items()]
        graph = helper.make_graph(list(self.nodes), "g", inputs, outputs, held)
        imports = [helper.make_opsetid("", self.opset)]
        domains = {one.domain for one in (*self.functions, *self.nodes)} - {""}
        imports += [helper.make_opsetid(domain, 1) for domain in domains]
        return helper.make_model(
            graph, opset_imports=imports, functions=list(self.functions), ir_version=10
        )

    def truth(self) -> list[NDArray[Any]]:
        """What the model gives at its own version."""
        if self.expected is not None:
            given = self.expected({**self.inputs, **self.constants})
            return [np.asarray(array) for array in given]
        assert self.opset >= 7, "no runtime knows these versions"
        return run(self.proto(shaped=True), self.inputs)


def case(
    op_type: str,
    opset: int,
    inputs: Arrays,
    expected: Callable[..., Any] | None = None,
    *,
    name: str = "",
    constants: Arrays | None = None,
    outputs: dict[str, int] | None = None,
    order: str = "",
    **attributes: Any,
) -> Case:
    """A case of one node; ``order`` are its inputs (``-`` for one left out)."""
    inputs = {name: np.asarray(array) for name, array in inputs.items()}
    constants = constants or {}
    outputs = outputs or {"y": TensorProto.FLOAT}
    names = order.split() or [*inputs, *constants]
    node = helper.make_node(
        op_type, ["" if item == "-" else item for item in names], list(outputs), **attributes
    )
    node.name = f"the_{op_type}"
    return Case(
        f"{op_type}-{opset}{f'-{name}' if name else ''}",
        opset,
        [node],
        inputs,
        constants,
        outputs,
        expected,
    )


def upgraded(path: Path) -> tuple[Model, Path]:
    """The model of a file and, beside it, the upgraded one as our writer writes it."""
    model = table.read(Candidate(path))
    graph = upgrade(model.graph, model.opsets.get("ai.onnx", 1), model.functions)
    extras = {**model.extras, "ir_version": max(model.extras.get("ir_version") or 10, 10)}
    new = replace(
        model,
        graph=graph,
        opsets={**model.opsets, "ai.onnx": NEWEST},
        functions={},
        extras=extras,
    )
    target = path.with_suffix(".new.onnx")
    with Output(target, overwrite=True) as output:
        model_write.write(new, output, Report())
        output.publish()
    return new, target


def session(proto: onnx.ModelProto | Path) -> onnxruntime.InferenceSession:
    """An onnxruntime session that takes no short cuts."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    source = str(proto) if isinstance(proto, Path) else proto.SerializeToString()
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def run(proto: onnx.ModelProto, feeds: Arrays) -> list[Any]:
    """Results by onnxruntime, or by onnx' reference where onnxruntime lacks an operator.

    Of GlobalLpPool both lack version 22, which only takes one more type.
    """
    if NEWEST in [item.version for item in proto.opset_import] and any(
        node.op_type == "GlobalLpPool" for node in proto.graph.node
    ):
        proto = onnx.ModelProto.FromString(proto.SerializeToString())
        proto.opset_import[0].version = 21
    lacks = (
        onnxruntime.capi.onnxruntime_pybind11_state.NotImplemented,
        onnxruntime.capi.onnxruntime_pybind11_state.InvalidGraph,
    )
    try:
        running = session(proto)
    except lacks:
        return list(ReferenceEvaluator(proto).run(None, feeds))
    return list(running.run(None, feeds))


def give_shapes(values: Iterable[onnx.ValueInfoProto], arrays: Iterable[NDArray[Any]]) -> None:
    """State the shapes that values have; the checker wants some, and compares them."""
    for value, array in zip(values, arrays, strict=True):
        shape = value.type.tensor_type.shape
        del shape.dim[:]
        shape.SetInParent()
        for extent in np.shape(array):
            shape.dim.add().dim_value = extent
