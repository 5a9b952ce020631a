"""Networks as the exporters of ONNX write them, to PyTorch and to Keras: the whole way.

torch.onnx is run here; what other exporters made lies in tests/files/exported, with what the
network's own framework computes.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zlib import crc32

import keras
import numpy as np
import pytest
import torch
from tests.frameworks.export_nets import NETS, fresh

import modelport
from modelport.errors import ConversionError

pytestmark = pytest.mark.filterwarnings("ignore")

EXPORTED = sorted((Path(__file__).parents[1] / "files" / "exported").glob("*.onnx"))
OPSETS = (11, 13, 17)
ATTENTION = 17
"""One that has what scaled_dot_product_attention is written with."""
OPEN = {"unet_any": "Pad", "seg_any": "Resize", "superres": "DepthToSpace"}
"""Networks for images of any size, which need what Keras takes as numbers; and the operator."""


def arrays(found: Any) -> list[Any]:
    return [np.asarray(item) for item in (found if isinstance(found, list | tuple) else [found])]


def by_torch(path: Path, inputs: Sequence[Any]) -> list[Any]:
    spec = importlib.util.spec_from_file_location("written", path.with_suffix(".py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with torch.no_grad():
        found = module.load()(*(torch.from_numpy(array) for array in inputs))
    return [item.numpy() for item in (found if isinstance(found, tuple) else (found,))]


def by_keras(path: Path, inputs: Sequence[Any]) -> list[Any]:
    model = keras.saving.load_model(path)
    return arrays(model(list(inputs) if len(inputs) > 1 else inputs[0]))


def agree(found: Sequence[Any], wanted: Sequence[Any]) -> None:
    assert len(found) == len(wanted)
    for ours, theirs in zip(found, wanted, strict=True):
        assert ours.shape == theirs.shape
        scale = np.abs(theirs.astype("f8")).max() or 1
        assert np.abs(ours.astype("f8") - theirs.astype("f8")).max() / scale < 1e-4


def taken(source: Path, folder: Path, cases: Sequence[tuple[Any, Any]], refused: str) -> None:
    modelport.convert(source, folder / "written.pt", verify=False)
    for inputs, wanted in cases:
        agree(by_torch(folder / "written.pt", inputs), wanted)
    if refused:
        with pytest.raises(ConversionError, match=refused):
            modelport.convert(source, folder / "written.keras", verify=False)
        return
    modelport.convert(source, folder / "written.keras", verify=False)
    for inputs, wanted in cases:
        agree(by_keras(folder / "written.keras", inputs), wanted)


@pytest.mark.parametrize("path", EXPORTED, ids=lambda path: path.stem)
def test_what_other_exporters_wrote(path: Path, tmp_path: Path) -> None:
    with np.load(path.with_suffix(".npz")) as recorded:
        inputs, wanted = (
            [recorded[name] for name in recorded if re.fullmatch(rf"{kind}\d+", name)]
            for kind in "io"
        )
    assert inputs
    assert wanted
    taken(path, tmp_path, [(inputs, wanted)], "")


@pytest.mark.parametrize("name", NETS)
def test_a_network_of_torch(name: str, tmp_path: Path) -> None:
    make, inputs, dynamic = NETS[name]
    network = fresh(make)
    names = [f"in{i}" for i in range(len(dynamic))]
    path = tmp_path / f"{name}.onnx"
    torch.onnx.export(
        network,
        inputs(2, 5),
        path,
        dynamo=False,
        opset_version=ATTENTION if name == "nanogpt" else OPSETS[crc32(name.encode()) % 3],
        input_names=names,
        dynamic_axes=dict(zip(names, dynamic, strict=True)),
    )
    cases = []
    for given in (inputs(2, 5), inputs(3, 7)):
        with torch.no_grad():
            found = network(*given)
        wanted = found if isinstance(found, tuple) else (found,)
        cases.append(([x.numpy() for x in given], [x.numpy() for x in wanted]))
    taken(path, tmp_path, cases, OPEN.get(name, ""))
