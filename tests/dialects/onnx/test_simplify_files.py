"""Other people's graphs, simplified: they compute what they did."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from onnx.backend.test.case.node import collect_testcases
from tests.corpus import SHARED, corpus
from tests.dialects.onnx.history_live import session
from tests.dialects.onnx.simplify_live import FAILURES, pair
from tests.dialects.onnx.test_history_files import PACKAGE, SEED, copied, some_inputs

from modelport.errors import ConversionError

FILES = [
    *sorted((Path(__file__).parents[2] / "files" / "onnx").glob("*.onnx")),
    *(SHARED / "corpus" / path for path in corpus("onnx")),
    *sorted((SHARED / "truth").glob("*/*/*.onnx")),
    *sorted(path for name in ("pytorch-*", "simple") for path in PACKAGE.glob(f"{name}/*/*.onnx")),
]


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_files_compute_what_they_did(path: Path, tmp_path: Path) -> None:
    try:
        both = pair(copied(path, tmp_path), tmp_path)
    except ConversionError as error:
        assert "sm_cnn" in path.name, error  # a file that no runtime loads
        return
    if not both.is_changed():
        return
    try:
        running = session(both.old)
        feeds = some_inputs(running)
        running.run(None, feeds)
    except (*FAILURES, KeyError):
        return  # a file that onnxruntime does not run as it is, or without tensors
    both.agrees(feeds)


@pytest.mark.filterwarnings("ignore")
def test_the_packages_own_node_tests_compute_what_they_did(tmp_path: Path) -> None:
    cases = collect_testcases("")
    checked, wrong = 0, []
    for case in cases:
        try:
            both = pair(case.model, tmp_path)
        except ConversionError:
            continue  # of a domain whose operators are no standard yet
        if not both.is_changed():
            continue
        for given, _ in case.data_sets or ():
            feeds = dict(zip([item.name for item in case.model.graph.input], given, strict=False))
            try:
                both.agrees({name: _plain(item) for name, item in feeds.items()}, case.rtol)
            except (AssertionError, *FAILURES) as error:
                wrong.append(f"{case.name}: {error}")
            checked += 1
    assert not wrong, "\n".join(wrong)
    assert checked > 100


def _plain(item: object) -> object:
    if isinstance(item, onnx.TensorProto):
        return numpy_helper.to_array(item)
    return np.asarray(item) if isinstance(item, np.generic) else item


# Networks of tests/frameworks/torch_nets.py as torch's newer exporter writes them (torch 2.13,
# opset 20, unknown extents), without the notes on where in which file each node comes from.
DYNAMO = {
    "bert": ({"LayerNormalization": 2, "Gemm": 1, "Transpose": 4}, 118, 37),
    "causal": ({"LayerNormalization": 2, "Gelu": 1, "Range": 1}, 106, 49),
    "llama": ({"RMSNormalization": 2, "Swish": 1, "Attention": 1}, 205, 62),
    "unet": ({"ConvTranspose": 1, "Pad": 1, "Resize": 1, "BatchNormalization": 4}, 71, 39),
}


@pytest.mark.parametrize("sizes", [(2, 5, 8, 12), (1, 3, 9, 14)], ids=["some", "others"])
@pytest.mark.parametrize("name", DYNAMO)
def test_networks_are_what_they_were_before_export(
    name: str, sizes: tuple[int, ...], tmp_path: Path
) -> None:
    wanted, before, after = DYNAMO[name]
    both = pair(Path(__file__).parents[2] / "files" / "dynamo" / f"{name}.onnx", tmp_path)
    assert len(both.before.nodes) == before
    assert len(both.after.nodes) <= after
    assert {key: both.ops()[key] for key in wanted} == wanted
    rng = np.random.default_rng(SEED)
    feeds = {}
    for value in both.before.inputs:
        pairs = zip(value.shape or (), sizes, strict=False)
        shape = [extent if isinstance(extent, int) else size for extent, size in pairs]
        whole = value.dtype is not None and value.dtype.kind == "int"
        feeds[value.name] = (
            rng.integers(0, 2, shape) if whole else rng.normal(size=shape).astype(np.float32)
        )
    both.agrees(feeds, 5e-6)
