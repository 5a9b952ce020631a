"""ONNX models as PyTorch source, run by a live torch: model -> source -> exec -> outputs."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from onnx import helper, numpy_helper

import modelport
from modelport.dialects.onnx.history.upgrade import upgrade
from modelport.dialects.onnx.simplify.simplify import simplified
from modelport.dialects.torch.raises.graph import Source, raised

CARRIED = {"int2": "i1", "int4": "i1", "uint2": "u1", "uint4": "u1"}
BITS = {"bfloat16": np.int16} | {
    name: np.uint8 for name in vars(ml_dtypes) if name.startswith("float8")
}


def source(model: onnx.ModelProto) -> Source:
    """The source of a model."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(model.SerializeToString())
        opened = modelport.open(path)
        graph = opened.graph
        assert graph is not None
        graph = upgrade(graph, opened.opsets.get("ai.onnx", 1), opened.functions)
        found = raised(simplified(graph), "A model.")
        return replace(found, state={key: _loaded(held) for key, held in found.state.items()})


def _loaded(held: Any) -> Any:
    return to_torch(held.read_box(tuple((0, extent) for extent in held.shape)))


def module(made: Source) -> torch.nn.Module:
    """The model of a source, with its weights."""
    names: dict[str, Any] = {"__name__": "source"}
    exec(compile(made.text('""'), "source", "exec"), names)
    model: torch.nn.Module = names["Model"]()
    model.load_state_dict(made.state)  # type: ignore[arg-type]
    return model.eval()


def run(model: onnx.ModelProto, inputs: Sequence[Any]) -> list[Any]:
    """What torch computes, as numpy arrays."""
    with torch.no_grad():
        results = module(source(model))(*(to_torch(item) for item in inputs))
    return [to_numpy(item) for item in (results if isinstance(results, tuple) else (results,))]


def to_torch(item: Any) -> Any:
    """A value as torch takes it; elements of less than a byte stand one in a byte."""
    if item is None or isinstance(item, list):
        return item and [to_torch(each) for each in item]
    array = np.ascontiguousarray(item).reshape(np.shape(item))
    name = array.dtype.name
    if name in CARRIED:
        return torch.from_numpy(array.astype(CARRIED[name]))
    if name == "float4_e2m1fn":
        return torch.from_numpy(array.astype(np.float16))
    if name in BITS:
        bits = torch.from_numpy(array.view(BITS[name]).copy())
        return bits.view(getattr(torch, name)).reshape(array.shape)
    return torch.from_numpy(array.copy())


def to_numpy(item: Any) -> Any:
    """A result of torch as numpy."""
    if item is None or isinstance(item, list | tuple):
        return item and [to_numpy(each) for each in item]
    name = str(item.dtype).removeprefix("torch.")
    item = item.detach().contiguous()
    if name in BITS:
        bits = item.view(torch.int16 if name == "bfloat16" else torch.uint8).numpy()
        return bits.view(getattr(ml_dtypes, name))
    return item.numpy()


def differences(found: Any, wanted: Any, tolerance: float = 1e-4) -> Iterator[str]:
    """How a result is not the one wanted."""
    if isinstance(wanted, list):
        if len(found) != len(wanted):
            yield f"{len(found)} items, not {len(wanted)}"
        for pair in zip(found, wanted, strict=False):
            yield from differences(*pair, tolerance)
        return
    if found is None or wanted is None:
        if found is not wanted:
            yield f"{found}, not {wanted}"
        return
    wanted = np.asarray(wanted)
    if wanted.dtype.name in CARRIED:
        wanted = wanted.astype(CARRIED[wanted.dtype.name])
    elif wanted.dtype.name == "float4_e2m1fn":
        wanted = wanted.astype(np.float16)
    if (found.dtype, found.shape) != (wanted.dtype, wanted.shape):
        yield f"{found.dtype}{found.shape}, not {wanted.dtype}{wanted.shape}"
    elif found.dtype.kind in "biu":
        if not np.array_equal(found, wanted):
            yield f"{found}, not {wanted}"
    else:
        kind = np.complex128 if found.dtype.kind == "c" else np.float64
        a, b = found.astype(kind), wanted.astype(kind)
        tolerance = max(tolerance, 4 * float(ml_dtypes.finfo(found.dtype).eps))
        if not np.allclose(a, b, rtol=tolerance, atol=tolerance / 10, equal_nan=True):
            yield f"{a}, not {b}"


@cache
def node_cases() -> dict[str, list[Any]]:
    """The tests of single operators of the onnx package, by the operator."""
    from onnx.backend.test.case.node import collect_testcases

    with np.errstate(all="ignore"):
        cases = collect_testcases(None)
    found = defaultdict(list)
    for case in cases:
        if case.model is not None and len(case.model.graph.node) == 1:
            found[case.model.graph.node[0].op_type].append(case)
    return found


def failures(case: Any) -> list[str]:
    """How the source of a test's model does not give what the test wants."""
    graph, failed = case.model.graph, []
    for inputs, outputs in case.data_sets:
        found = run(case.model, [_value(item) for item in inputs])
        for name, result, wanted in zip(graph.output, found, outputs, strict=True):
            failed += [
                f"{case.name} {name.name}: {text}"
                for text in differences(result, _value(wanted), 1e-3)
            ]
    return failed


def _value(item: Any) -> Any:
    if isinstance(item, onnx.TensorProto):
        return numpy_helper.to_array(item)
    if isinstance(item, onnx.SequenceProto):
        return numpy_helper.to_list(item)
    if isinstance(item, onnx.OptionalProto):
        return numpy_helper.to_optional(item)
    return item if item is None or isinstance(item, list) else np.asarray(item)


def model(
    nodes: Sequence[onnx.NodeProto],
    inputs: Mapping[str, NDArray[Any]],
    weights: Mapping[str, NDArray[Any]] | None = None,
    *,
    free: Sequence[int] | bool = True,
    opset: int = 23,
    outputs: Sequence[str] = (),
) -> onnx.ModelProto:
    """A model of a few nodes over these inputs, whose axes in ``free`` (all) have no extent."""
    given = []
    for name, array in inputs.items():
        open_axes = range(array.ndim) if free is True else free or ()
        shape = [f"{name}{i}" if i in open_axes else e for i, e in enumerate(array.shape)]
        given.append(helper.make_tensor_value_info(name, _element(array), shape))
    results = [name for name in outputs or nodes[-1].output if name]
    held = [numpy_helper.from_array(array, name) for name, array in (weights or {}).items()]
    graph = helper.make_graph(nodes, "g", given, [], held)
    graph.output.extend(onnx.ValueInfoProto(name=name) for name in results)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    inferred = onnx.shape_inference.infer_shapes(made).graph
    types = {value.name: value for value in (*inferred.value_info, *inferred.output)}
    del made.graph.output[:]
    made.graph.output.extend(types[name] for name in results)
    return made


def _element(array: NDArray[Any]) -> int:
    return helper.np_dtype_to_tensor_dtype(array.dtype)


def against_onnxruntime(
    made: onnx.ModelProto, *sets: Sequence[NDArray[Any]], tolerance: float = 1e-4
) -> list[str]:
    """How the source differs from what onnxruntime computes on these inputs."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.graph_optimization_level = level
    session = onnxruntime.InferenceSession(
        made.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    names, found = [value.name for value in made.graph.input], []
    for given in sets:
        wanted = session.run(None, dict(zip(names, given, strict=True)))
        for result, other in zip(run(made, given), wanted, strict=True):
            found += differences(result, other, tolerance)
    return found
