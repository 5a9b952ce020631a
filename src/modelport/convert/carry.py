"""Carrying a model to another format: the one place that knows which way a conversion takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from modelport.convert.account import account_for, tell_numbers
from modelport.dialects.keras.raises.value import Layout
from modelport.errors import ConversionError
from modelport.formats.format import Format
from modelport.formats.table import by_name
from modelport.model.component import Component, Holds
from modelport.model.graph import Graph
from modelport.model.model import LAYERS, Model, Producer
from modelport.model.report import Kind, Report
from modelport.model.signature import Signature
from modelport.model.tensor import Tensor
from modelport.version import VERSION

NO_ARCHITECTURE = (
    "the file holds weights but no architecture, so no model can be made of it alone; "
    "join it with a file that has the graph (convert GRAPH DST --state FILE), or build the module "
    "with your own code (convert FILE DST --model package.module:factory --run-code), "
    "or convert it to a format of weights alone (safetensors, npz, hdf5)"
)


def carry(model: Model, target: Format, report: Report, layout: Layout = Layout.SOURCE) -> Model:
    """The model as ``target`` holds it, with everything that differs in ``report``.

    ``layout`` is where channels lie in what is made of operators of ONNX for Keras.
    Rearranged weights are expressions over the tensors of ``model``; values are read only where a
    hint says that they are those of something else.

    Raises:
        ConversionError: the target cannot hold the model; names the layer and the reason.
    """
    if target.write is None:
        raise ConversionError("", f"modelport reads {target.name}, but does not write it")
    if target.holds[Component.PYTHON_OBJECTS] is Holds.MAY and _same_objects(model, target):
        carried = replace(model)
    elif _takes_weights(model, target):
        carried = _weights_alone(model, target, report)
    elif model.dialect is None:
        raise ConversionError(model.path, NO_ARCHITECTURE, report.changes)
    elif model.dialect == target.dialect == "keras":
        carried = canonical(model, report, stock=target.name == "keras-v3")
        _check_weights(carried, report)
    elif target.dialect == "ai.onnx":
        carried = _to_onnx(model, report)
        if target.framework == "PyTorch":
            from modelport.convert.torch_source import with_source

            lowered, carried = carried, with_source(carried, model.tensors)
            tell_numbers(model, lowered.graph, carried, report)
        elif model.dialect == "torch":
            from modelport.convert.origins import note_origins

            note_origins(carried.graph)
    elif target.dialect == "keras":
        carried = _to_keras(model, target, report, layout)
        _check_weights(carried, report)
    elif model.dialect == target.dialect:
        carried = replace(model)
    else:
        why = f"modelport has no way yet from {model.format} to {target.name}"
        raise ConversionError(model.path, why, report.changes)
    carried = replace(carried, format=target.name)
    account_for(model, carried, target, report)
    return carried


def _takes_weights(model: Model, target: Format) -> bool:
    """Whether the target gets weights alone, for it holds nothing else or there is nothing else."""
    holds = target.holds[Component.ARCHITECTURE]
    return (
        holds is Holds.NEVER
        or target.dialect is None
        or (holds is Holds.MAY and model.dialect is None)
    )


def _same_objects(model: Model, target: Format) -> bool:
    """Whether both formats hold the objects of one framework, which go along as they are.

    A graph of operators is no object that others could hold.
    """
    return model.kind != "graph" and by_name(model.format).framework == target.framework


def canonical(model: Model, report: Report, *, stock: bool = False) -> Model:
    """A Keras model of any era in the words of Keras 3, with its training state told apart.

    With ``stock`` it has only layers and operations that Keras 3 itself brings.

    Raises:
        ConversionError: with ``stock``, for a layer that no others can stand for.
    """
    from modelport.dialects.keras.training.upgrade_training import upgrade_training
    from modelport.dialects.keras.upgrade import upgrade

    upgraded = upgrade(replace(model), report)
    if stock:
        from modelport.dialects.keras.stock.spell_out import spell_out

        spell_out(upgraded.graph, report)
    return upgrade_training(model, upgraded, report)


def slots(model: Model) -> Mapping[str, Mapping[str, Tensor]]:
    """The slots of a model's optimizer, told apart, by the names of its weights.

    Raises:
        MalformedFile: settings or counts of a kind that no framework writes.
    """
    if model.dialect != "keras" or model.training is None:
        return {}
    from modelport.dialects.keras.training.upgrade_training import slots as keras_slots
    from modelport.dialects.keras.upgrade import upgrade

    return keras_slots(model, upgrade(model, Report()))


def _check_weights(model: Model, report: Report) -> None:
    """Keras loads no file that lacks a layer's weights.

    Raises:
        ConversionError: names the first layer that has none.
    """
    from modelport.dialects.keras.roles import roles

    for graph in model.graph.subgraphs():
        for node in graph.nodes:
            wanted = [
                role.path for role in roles(node.op_type, node.attributes.get("config") or {})
            ]
            if wanted and not node.parameters:
                why = f"the file holds no weights for it ({', '.join(wanted)})"
                raise ConversionError(f"layer {node.scope[-1].name!r}", why, report.changes)


def _to_onnx(model: Model, report: Report) -> Model:
    if model.dialect == "keras":
        return _keras_to_onnx(model, report)
    if model.dialect == "torch":
        return _torch_to_onnx(model, report)
    if model.dialect == "ai.onnx":
        from modelport.dialects.torch.raises.held import released

        return replace(model, graph=released(model.graph))
    why = f"modelport has no way yet from {model.format} to ONNX"
    raise ConversionError(model.path, why, report.changes)


def _to_keras(model: Model, target: Format, report: Report, layout: Layout) -> Model:
    from modelport.convert.keras_hint import as_hinted
    from modelport.convert.keras_model import as_keras

    def layered(layers: Model, told: Report) -> Model:
        return canonical(layers, told, stock=target.name == "keras-v3")

    lowered = _to_onnx(model, report)
    # Layers keep the layout they had; another one is another model.
    carried = as_hinted(lowered, layered, report) if layout is Layout.SOURCE else None
    carried = carried or as_keras(lowered, report, layout)
    tell_numbers(model, lowered.graph, carried, report)
    return carried


def _keras_to_onnx(model: Model, report: Report) -> Model:
    from modelport.convert.keras_hint import hint
    from modelport.dialects.keras.lower import lower
    from modelport.dialects.keras.upgrade import upgrade

    # The training config goes along in the words of the source: ONNX gives them no meaning.
    upgraded = upgrade(model, report)
    graph = lower(upgraded.graph, upgraded.graph.name or "model", report)
    return _as_onnx(upgraded, graph, hint(upgraded))


def _torch_to_onnx(model: Model, report: Report) -> Model:
    from modelport.dialects.torch.inputs import stated
    from modelport.dialects.torch.lower import lower

    if "code" in model.extras:
        raise ConversionError("code", str(model.extras["code"]), report.changes)
    if model.kind == "modules":
        from modelport.dialects.torch.modules.chain import Chain

        chain = Chain(model.graph, report)
        return _as_onnx(model, lower(chain.graph, report, chain.graph.name))
    for component, where, why in model.extras.get("assumed", ()):
        report.add(Kind.INVENTED, component, where, why)
    graph = stated(model.graph, report)
    return _as_onnx(model, lower(graph, report, model.graph.name or "model"))


def _as_onnx(model: Model, graph: Graph, layers: str | None = None) -> Model:
    from modelport.dialects.onnx.builder import IR_VERSION, OPSET, OTHER_OPSETS

    domains = {node.domain for inner in graph.subgraphs() for node in inner.nodes}
    return replace(
        model,
        producer=Producer("modelport", VERSION),
        dialect="ai.onnx",
        kind="graph",
        graph=graph,
        signature=Signature(graph.inputs, graph.outputs),
        opsets={
            "ai.onnx": OPSET,
            **{name: OTHER_OPSETS.get(name, 1) for name in sorted(domains - {"ai.onnx"})},
        },
        functions={},
        metadata={**model.metadata, **_origin(model)},
        extras={"ir_version": IR_VERSION, **({} if layers is None else {LAYERS: layers})},
    )


def _origin(model: Model) -> dict[str, str]:
    stated = {
        "source_format": model.format,
        "source_producer": model.producer.name,
        "source_version": model.producer.version,
    }
    return {f"modelport.{key}": value for key, value in stated.items() if value}


def _weights_alone(model: Model, target: Format, report: Report) -> Model:
    if not model.tensors:
        raise ConversionError(model.path, "the file holds no weights", report.changes)
    if model.dialect == target.dialect == "keras":
        return replace(canonical(model, report))
    graph = Graph(model.graph.name, tensors=dict(model.tensors))
    return Model(
        target.name,
        model.path,
        producer=model.producer,
        graph=graph,
        optimizer_state=model.optimizer_state,
        dataset=model.dataset,
        metadata=model.metadata,
        extras=dict(model.extras) if model.format == target.name else {},
    )
