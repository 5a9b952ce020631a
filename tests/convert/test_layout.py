"""Where channels lie in what becomes Keras: asked for, reported, noted in the file, verified."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from tests.samples import FILES

import modelport
from modelport.errors import WrongUsage
from modelport.model.axes import LAYOUT, axes_of
from modelport.model.component import Component
from modelport.model.report import Kind

LAST = [(0, 2, 3, 1)]


def saved(
    path: Path, nodes: list[onnx.NodeProto], shape: list[int | str], **weights: tuple[int, ...]
) -> Path:
    """An ONNX file of a graph from ``x`` to ``y``, with random weights of these shapes."""
    generator = np.random.default_rng(0)
    held = [
        numpy_helper.from_array(generator.normal(size=extents).astype("f4"), name)
        for name, extents in weights.items()
    ]
    ends = [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)]
    ends.append(helper.make_tensor_value_info("y", TensorProto.FLOAT, None))
    graph = helper.make_graph(nodes, "net", ends[:1], ends[1:], held)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    onnx.save(onnx.shape_inference.infer_shapes(made), path)
    return path


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network from an image to an image; width and filters are as many."""
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("Conv", ["r", "v"], ["y"], strides=[2, 2]),
    ]
    path = tmp_path_factory.mktemp("image") / "image.onnx"
    return saved(path, nodes, ["n", 3, 9, 6], w=(6, 3, 3, 3), b=(6,), v=(4, 6, 2, 2))


def test_channels_last_is_told_noted_and_verified(image: Path, tmp_path: Path) -> None:
    target = tmp_path / "m.keras"
    report = modelport.convert(image, target, layout="channels-last")
    assert report.verification["status"] == "agreed"
    assert report.lossless
    told = [change for change in report if change.component is Component.SIGNATURE]
    assert [(change.kind, change.where) for change in told] == [
        (Kind.REARRANGED, "input 'x'"),
        (Kind.REARRANGED, "output 'y'"),
    ]
    assert "(n, 9, 6, 3), where the source has (n, 3, 9, 6)" in told[0].why
    made = modelport.open(target)
    assert made.signature is not None
    assert made.signature.inputs[0].shape == (None, 9, 6, 3)
    assert (axes_of(made).inputs, axes_of(made).outputs) == (LAST, LAST)
    assert not any(node.op_type == "Permute" for node in made.graph.nodes)
    for pair in ((image, target), (target, image)):
        agreement = modelport.verify(*pair)
        assert agreement.agree
        assert agreement.weights_exact


def test_inputs_are_given_as_either_side_takes_them(image: Path, tmp_path: Path) -> None:
    modelport.convert(image, tmp_path / "m.keras", layout="channels-last", verify=False)
    x = np.random.default_rng(1).normal(size=(2, 3, 9, 6)).astype("f4")
    for number, array in enumerate((x, x.transpose(0, 2, 3, 1))):
        np.savez(tmp_path / f"{number}.npz", x=array)
        given = tmp_path / f"{number}.npz"
        assert modelport.verify(image, tmp_path / "m.keras", inputs=given).agree


def test_what_was_turned_is_known_wherever_it_goes(image: Path, tmp_path: Path) -> None:
    """From ``.keras`` back to ONNX, and from there to a ``.keras`` once more."""
    modelport.convert(image, tmp_path / "m.keras", layout="channels-last", verify=False)
    report = modelport.convert(tmp_path / "m.keras", tmp_path / "back.onnx")
    assert report.verification["status"] == "agreed"
    assert modelport.verify(tmp_path / "back.onnx", image).agree
    session = onnxruntime.InferenceSession(tmp_path / "back.onnx")
    assert session.get_inputs()[0].shape[1:] == [9, 6, 3]
    again = modelport.convert(tmp_path / "back.onnx", tmp_path / "n.keras", layout="channels-last")
    assert again.verification["status"] == "agreed"
    assert again.notes
    assert axes_of(modelport.open(tmp_path / "n.keras")).inputs == LAST


def test_channels_first_throughout(image: Path, tmp_path: Path) -> None:
    for target in (tmp_path / "m.keras", tmp_path / "m.h5"):
        report = modelport.convert(image, target, layout="channels-first")
        assert report.verification["status"] == "agreed"
        assert report.verification["weights_exact"]
        assert not [change for change in report if change.component is Component.SIGNATURE]
        made = modelport.open(target)
        formats = {node.attributes["config"].get("data_format") for node in made.graph.nodes}
        assert "channels_first" in formats
        assert "channels_last" not in formats
        assert not any(node.op_type == "Permute" for node in made.graph.nodes)


def test_a_difference_is_found_all_the_same(image: Path, tmp_path: Path) -> None:
    modelport.convert(image, tmp_path / "m.keras", layout="channels-last", verify=False)
    model = onnx.load(image)
    weight = model.graph.initializer[2]
    weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight) + 1, weight.name))
    onnx.save(model, tmp_path / "other.onnx")
    assert not modelport.verify(tmp_path / "other.onnx", tmp_path / "m.keras").agree


def test_a_file_that_does_not_say_so_is_told_apart(image: Path, tmp_path: Path) -> None:
    modelport.convert(image, tmp_path / "m.keras", layout="channels-last", verify=False)
    modelport.convert(tmp_path / "m.keras", tmp_path / "back.onnx", verify=False)
    model = onnx.load(tmp_path / "back.onnx")
    kept = [pair for pair in model.metadata_props if pair.key != LAYOUT]
    assert len(kept) < len(model.metadata_props)
    del model.metadata_props[:]
    model.metadata_props.extend(kept)
    onnx.save(model, tmp_path / "silent.onnx")
    agreement = modelport.verify(image, tmp_path / "silent.onnx")
    assert not agreement.agree
    assert "The channels of one may be last" in agreement.reason
    # Beside one that takes the same as it is, what the other says of the source is no matter.
    assert modelport.verify(tmp_path / "m.keras", tmp_path / "silent.onnx").agree


@pytest.mark.parametrize("layout", ["channels-last", "channels-first"])
def test_a_model_without_images_is_as_ever(layout: str, tmp_path: Path) -> None:
    source = saved(
        tmp_path / "m.onnx", [helper.make_node("MatMul", ["x", "w"], ["y"])], ["n", 5, 4], w=(4, 3)
    )
    report = modelport.convert(source, tmp_path / "m.keras", layout=layout, verify=False)
    assert len(report.notes) == 1
    assert report.notes[0].startswith(f"--layout {layout} makes no difference")
    assert not [change for change in report if change.component is Component.SIGNATURE]


@pytest.mark.parametrize(
    ("source", "target", "layout"),
    [
        ("onnx/metadata.onnx", "m.keras", "sideways"),
        ("onnx/metadata.onnx", "m.pt", "channels-last"),
        ("onnx/metadata.onnx", "m.weights.h5", "channels-last"),
        ("keras-h5/gru_rmsprop.h5", "m.keras", "channels-last"),
    ],
)
def test_where_it_makes_no_sense_it_is_refused(
    source: str, target: str, layout: str, tmp_path: Path
) -> None:
    with pytest.raises(WrongUsage, match="--layout"):
        modelport.convert(FILES / source, tmp_path / target, layout=layout)
    assert not [*tmp_path.iterdir()]
