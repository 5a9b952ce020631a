"""Every sample in the repository, and every file of the corpus, by format."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from tests.corpus import SHARED, corpus

from modelport.convert.carry import carry
from modelport.formats.format import Format
from modelport.formats.table import formats
from modelport.model.dtype import FLOAT32
from modelport.model.graph import Graph, Node, Scope, TensorType, Value
from modelport.model.model import Model, Producer
from modelport.model.report import Report
from modelport.model.signature import Signature
from modelport.model.tensor import InMemory, Tensor

FILES = Path(__file__).parent / "files"
FORMATS = list(formats())
WRITERS = [found for found in FORMATS if found.write is not None]
RECORDINGS = (".io.npz", ".train.npz")


def samples(found: Format) -> list[Path]:
    """The samples of a format below ``tests/files``: models, not recordings of their outputs."""
    folder = FILES / found.name
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.name.endswith(found.extensions) and not path.name.endswith(RECORDINGS)
    ]


SAMPLES = [(found, path) for found in FORMATS for path in samples(found)]
SAMPLE_IDS = [str(path.relative_to(FILES)) for _, path in SAMPLES]

ROWS = ("keras_h5_full", "keras_h5_weights", "keras_v3", "h5_other", "onnx", "safetensors", "npz")
CORPUS = [SHARED / "corpus" / path for path in corpus(*ROWS) if not path.endswith(".json")]
CORPUS_IDS = [path.name for path in CORPUS]


def big_model(found: Format, blocks: int) -> Model:
    """A model with ``blocks`` weights of 1 MB each, in the dialect the format writes."""
    arrays = [np.full((512, 512), i + 0.5, np.float32) for i in range(blocks)]
    tensors = {f"dense_{i}/kernel": InMemory(array) for i, array in enumerate(arrays)}
    graph = Graph("big", tensors={name: Tensor(name, data) for name, data in tensors.items()})
    model = Model("keras-h5", "big", graph=graph, producer=Producer("keras", "3.15.1"))
    if found.dialect is None:
        return replace(model, format=found.name)
    graph.inputs = [Value("input:0:0", TensorType(FLOAT32, (None, 512)))]
    entry = Node("keras", "InputLayer", "input", [], ["input:0:0"])
    entry.attributes = {"config": {"name": "input", "batch_shape": [None, 512]}}
    entry.scope = (Scope("input", "InputLayer"),)
    graph.nodes = [entry, *(_dense(i) for i in range(blocks))]
    graph.outputs = [Value(graph.nodes[-1].outputs[0])]
    model.dialect, model.kind = "keras", "functional"
    model.signature = Signature(graph.inputs, graph.outputs)
    return carry(model, found, Report())


def _dense(i: int) -> Node:
    name = f"dense_{i}"
    before = "input:0:0" if i == 0 else f"dense_{i - 1}:0:0"
    node = Node("keras", "Dense", name, [before], [f"{name}:0:0"], scope=(Scope(name, "Dense"),))
    config = {
        "name": name,
        "trainable": True,
        "units": 512,
        "activation": "relu",
        "use_bias": False,
    }
    node.attributes = {"config": config, "call": {"args": [{"tensor": 0}], "kwargs": {}}}
    node.parameters = {"kernel": f"{name}/kernel"}
    return node
