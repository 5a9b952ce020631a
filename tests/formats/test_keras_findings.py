from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import pytest
from tests.corpus import SHARED, needs_shared
from tests.formats.keras_facts import FILES, opened
from tests.formats.test_keras_h5 import REAL, TRUTH

from modelport.errors import MalformedFile, ModelportError
from modelport.model.model import Level


@pytest.fixture
def with_config(tmp_path: Path) -> Callable[[Any], Path]:
    """A model file with another config; text is taken as it is."""

    def build(config: Any) -> Path:
        path = tmp_path / "model.h5"
        shutil.copyfile(FILES / "keras-h5" / "gru_rmsprop.h5", path)
        with h5py.File(path, "a") as file:
            text = config if isinstance(config, str) else json.dumps(config)
            file.attrs["model_config"] = text
        return path

    return build


def sequential(*layers: dict[str, Any]) -> dict[str, Any]:
    return {"class_name": "Sequential", "config": {"name": "s", "layers": list(layers)}}


def layer(class_name: str, name: str = "x", **config: Any) -> dict[str, Any]:
    return {"class_name": class_name, "config": {"name": name, **config}}


FUNCTION = {"class_name": "function", "registered_name": "function"}

DANGEROUS = {
    "KER-001": [
        layer("Lambda", function=["4wEAAAA=", None, None], function_type="lambda"),
        layer("Lambda", function={"class_name": "__lambda__", "config": {"value": {}}}),
        layer("TimeDistributed", layer=layer("Lambda", function=["x", None, None])),
        layer("Dense", activation={"class_name": "__lambda__", "config": {"code": "4w=="}}),
        sequential(layer("Lambda", function="c\x00raw", function_type="lambda")),
        layer("Merge", mode="raw bytes", mode_type="lambda"),
    ],
    "KER-002": [layer("TorchModuleWrapper", module="gASV")],
    "KER-003": [
        layer("Dense", activation={**FUNCTION, "module": "os", "config": "system"}),
        layer("Dense", activation={**FUNCTION, "module": "keras.utils", "config": "get_file"}),
    ],
    "KER-004": [{"module": "subprocess", **layer("Popen")}],
    "KER-005": [
        layer("StringLookup", vocabulary="/etc/passwd"),
        layer("TFSMLayer", filepath="https://example.org/model"),
    ],
    "KER-006": [
        layer(
            "Dense",
            activation={
                **FUNCTION,
                "module": "keras.config",
                "config": "enable_unsafe_deserialization",
            },
        ),
    ],
    "KER-010": [
        layer("TFOpLambda", function="io.write_file"),
        layer("TFOpLambda", function="py_function"),
        layer("TensorFlowOpLayer", node_def='name: "x" op: "ReadFile" input: "y"'),
    ],
}


@pytest.mark.parametrize(
    ("rule", "entry"), [(rule, entry) for rule, found in DANGEROUS.items() for entry in found]
)
def test_what_would_run_code_is_dangerous(
    with_config: Callable[[Any], Path], rule: str, entry: dict[str, Any]
) -> None:
    model = opened(with_config(sequential(layer("Dense", "d"), entry)))
    assert rule in {finding.rule for finding in model.findings if finding.level is Level.DANGEROUS}
    assert model.level is Level.DANGEROUS


@pytest.mark.parametrize(
    "entry",
    [
        layer("MyLayer"),
        layer("Custom>Dense"),
        {"module": "my_package.layers", **layer("Dense")},
        layer("Dense", activation="my_activation"),
        layer("Dense", kernel_initializer=layer("MyInitializer")),
    ],
)
def test_unknown_code_is_named(with_config: Callable[[Any], Path], entry: dict[str, Any]) -> None:
    assert opened(with_config(sequential(entry))).level is Level.NEEDS_CODE


@needs_shared
def test_real_files_raise_no_false_alarm() -> None:
    for path in [*(f"corpus/{path}" for path in REAL), *TRUTH]:
        model = opened(SHARED / path)
        if "lambda" in path or "space_to_depth" in path or "megnet" in path:
            continue
        custom = [finding.what for finding in model.findings]
        assert all(what.startswith("the class") for what in custom), (path, custom)
        assert not custom or "batch_to_conv2d" in path or "space" in path, (path, custom)


BROKEN = [
    "",
    "{",
    "[1, 2]",
    '{"class_name": 3, "config": {}}',
    '{"config": {}}',
    sequential({"class_name": "Dense"}, {"no": "class"}),
    sequential(layer("Dense", "a"), layer("Dense", "a")),
    {"class_name": "Model", "config": {"layers": [], "input_layers": 5, "output_layers": []}},
    {
        "class_name": "Model",
        "config": {
            "layers": [
                {**layer("Dense", "a"), "inbound_nodes": [[["b", 0, 0]]]},
                {**layer("Dense", "b"), "inbound_nodes": [[["a", 0, 0]]]},
            ],
            "input_layers": [["a", 0, 0]],
            "output_layers": [["b", 0, 0]],
        },
    },
    {
        "class_name": "Model",
        "config": {
            "layers": [{**layer("InputLayer", "a"), "inbound_nodes": []}],
            "input_layers": [["a", 0, 0]],
            "output_layers": [["a", 0, 1 << 40]],
        },
    },
    {
        "class_name": "Model",
        "config": {
            "layers": [{**layer("InputLayer", "a"), "inbound_nodes": []}],
            "input_layers": [["a", 7, 0]],
            "output_layers": [["nobody", 0, 0]],
        },
    },
]


@pytest.mark.parametrize("config", BROKEN, ids=lambda config: str(config)[:40])
def test_broken_config_ends_in_one_error(with_config: Callable[[Any], Path], config: Any) -> None:
    with pytest.raises(MalformedFile):
        opened(with_config(config))


def test_models_nested_too_deep(with_config: Callable[[Any], Path]) -> None:
    entry = layer("Dense", "d")
    for _ in range(60):
        entry = sequential(entry)
    with pytest.raises(ModelportError):
        opened(with_config(entry))
