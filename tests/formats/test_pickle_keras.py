"""Models of Keras 3 in pickles are judged by what their archive says."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from tests.formats.pickle_streams import Call, Name, write

import modelport
from modelport.formats.shared.pickle.judge import judge
from modelport.model.model import Finding, Level, strongest
from modelport.wire.pickle import interpret
from modelport.wire.source import BytesSource

CLASS = "keras.src.models.sequential.Sequential"
DENSE = {"module": "keras.layers", "class_name": "Dense", "config": {"name": "d", "units": 2}}
LAMBDA = {
    "module": "keras.layers",
    "class_name": "Lambda",
    "config": {"name": "l", "function": {"class_name": "__lambda__", "config": {"code": "4wE="}}},
}


def archive(*layers: dict[str, Any]) -> bytes:
    made = io.BytesIO()
    config = {"module": "keras", "class_name": "Sequential", "config": {"layers": list(layers)}}
    with zipfile.ZipFile(made, "w") as file:
        file.writestr("config.json", json.dumps(config))
    return made.getvalue()


def findings(given: Any, cls: str = CLASS) -> list[Finding]:
    method = Call("builtins.getattr", Name(cls), "_unpickle_model")
    stream = write(Call(method, given), 4)
    return judge(interpret(BytesSource(stream, "model.pkl")))


def held(data: Any) -> Call:
    return Call("_io.BytesIO", how="NEWOBJ", state=(data, 5, None))


@pytest.mark.parametrize(("layer", "level"), [(DENSE, Level.NEEDS_CODE), (LAMBDA, Level.DANGEROUS)])
def test_the_archive_inside_decides(layer: dict[str, Any], level: Level) -> None:
    assert strongest(findings(held(archive(layer)))) is level


def test_bytes_of_old_protocols_are_the_same() -> None:
    text = Call("_codecs.encode", archive(DENSE).decode("latin-1"), "latin1")
    assert strongest(findings(held(text))) is Level.NEEDS_CODE


def test_the_objects_say_that_it_is_a_model_of_keras(tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    method = Call("builtins.getattr", Name(CLASS), "_unpickle_model")
    path.write_bytes(write(Call(method, held(archive(DENSE))), 4))
    shown = modelport.open(path).extras["python_objects"]
    assert shown == {"class": f"{CLASS}._unpickle_model"}


@pytest.mark.parametrize(
    "given", ["/nowhere/x.keras", held("text"), Call("builtins.open", "/nowhere/x", "rb")]
)
def test_anything_else_is_dangerous(given: Any) -> None:
    assert strongest(findings(given)) is Level.DANGEROUS


def test_a_method_of_another_package_is_no_model() -> None:
    found = findings(held(archive(DENSE)), "torch.hub.Sequential")
    assert strongest(found) is Level.DANGEROUS


def test_broken_bytes_are_malformed() -> None:
    assert strongest(findings(held(b"PK\x03\x04 no archive"))) is Level.MALFORMED


OLD = "tf_keras.src.saving.pickle_utils.deserialize_model_from_bytecode"


@pytest.mark.parametrize(
    ("given", "level"),
    [
        (archive(DENSE), Level.NEEDS_CODE),
        (archive(LAMBDA), Level.DANGEROUS),
        (b"a tar of a SavedModel", Level.DANGEROUS),
        ("/nowhere/x.keras", Level.DANGEROUS),
    ],
)
def test_models_of_keras_2_are_judged_alike(given: Any, level: Level) -> None:
    stream = write(Call(OLD, given), 4)
    assert strongest(judge(interpret(BytesSource(stream, "model.pkl")))) is level


TENSORFLOW: dict[str, Any] = {
    "type": Call("tensorflow.python.framework.dtypes.as_dtype", "float32"),
    "shape": Call(
        "tensorflow.python.framework.tensor_shape.TensorShape",
        [Call("tensorflow.python.framework.tensor_shape.Dimension", None)],
    ),
    "module": Call("tensorflow.python.module.module.Module"),
}


@pytest.mark.parametrize("name", TENSORFLOW)
def test_ordinary_values_of_tensorflow_need_its_code(name: str) -> None:
    found = judge(interpret(BytesSource(write(TENSORFLOW[name], 2), "test.pkl")))
    assert strongest(found) is Level.NEEDS_CODE
