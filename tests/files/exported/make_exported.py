"""Writes tests/files/exported: small networks by exporters of ONNX that the tests do not install.

Each ``NAME.EXPORTER.onnx`` has a ``.npz`` beside it with what its own framework computes: inputs
``i0``, ``i1`` ... and outputs ``o0``, ``o1`` ... Run from the root of the repository, with
tensorflow-cpu, keras, tf_keras, torch, onnx, tf2onnx, onnxscript, scikit-learn and skl2onnx:

    python -m tests.files.exported.make_exported keras | tf2onnx | dynamo | sklearn
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx

FOLDER = Path(__file__).parent
RNG = np.random.default_rng(5)


def record(path: Path, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
    arrays = {f"i{i}": np.asarray(array) for i, array in enumerate(inputs)}
    arrays |= {f"o{i}": np.asarray(array) for i, array in enumerate(outputs)}
    np.savez_compressed(path.with_suffix(".npz"), **arrays)


def without_paths(path: Path) -> None:
    """Exporters keep where in the code each node comes from, on the machine that ran them."""
    model = onnx.load(path)
    for node in model.graph.node:
        kept = [item for item in node.metadata_props if "stack_trace" not in item.key]
        del node.metadata_props[:]
        node.metadata_props.extend(kept)
        node.doc_string = ""
    onnx.save(model, path)


class Networks:
    """Networks of Keras or tf_keras, with the structures of well-known ones."""

    def __init__(self, keras: Any) -> None:
        self.keras, self.layers = keras, keras.layers

    def images(self, *shape: int) -> list[Any]:
        return [RNG.standard_normal((2, *shape)).astype("f4")]

    def tokens(self) -> list[Any]:
        return [RNG.integers(1, 20, (2, 6)).astype("i4")]

    def convolved(
        self, x: Any, width: int, size: int = 3, stride: int = 1, act: Any = "relu"
    ) -> Any:
        x = self.layers.Conv2D(width, size, strides=stride, padding="same", use_bias=False)(x)
        x = self.layers.BatchNormalization(momentum=0.9)(x)
        return self.layers.Activation(act)(x) if act else x

    def resnet(self) -> tuple[Any, list[Any]]:
        layers = self.layers
        image = self.keras.Input((32, 32, 3))
        x = layers.Conv2D(8, 7, strides=2)(layers.ZeroPadding2D(3)(image))
        x = layers.ReLU()(layers.BatchNormalization()(x))
        x = layers.MaxPooling2D(3, 2)(layers.ZeroPadding2D(1)(x))
        for width, stride in ((8, 1), (12, 2), (12, 1)):
            y = self.convolved(self.convolved(x, 4, 1, stride), 4)
            y = self.convolved(y, width, 1, act=None)
            if stride != 1:
                x = self.convolved(x, width, 1, stride, None)
            x = layers.ReLU()(layers.Add()([x, y]))
        return self.keras.Model(
            image, layers.Dense(5)(layers.GlobalAveragePooling2D()(x))
        ), self.images(32, 32, 3)

    def mobilenet(self) -> tuple[Any, list[Any]]:
        layers = self.layers
        image = self.keras.Input((32, 32, 3))
        x = self.convolved(image, 8, 3, 2)
        for stride, size in ((1, 3), (2, 5), (1, 3)):
            y = layers.ReLU(6.0)(self.convolved(x, 16, 1, act=None))
            if stride == 2:
                y = layers.ZeroPadding2D(((1, 2), (1, 2)))(y)
            way = "valid" if stride == 2 else "same"
            y = layers.DepthwiseConv2D(size, strides=stride, padding=way, use_bias=False)(y)
            y = layers.Activation("swish")(layers.BatchNormalization()(y))
            z = layers.Conv2D(4, 1, activation="relu")(
                layers.GlobalAveragePooling2D(keepdims=True)(y)
            )
            y = layers.Multiply()([y, layers.Conv2D(16, 1, activation="hard_sigmoid")(z)])
            y = self.convolved(y, 8, 1, act=None)
            x = layers.Add()([x, y]) if stride == 1 else y
        x = layers.Dropout(0.2)(layers.GlobalAveragePooling2D()(x))
        return self.keras.Model(image, layers.Dense(5, activation="softmax")(x)), self.images(
            32, 32, 3
        )

    def densenet(self) -> tuple[Any, list[Any]]:
        layers = self.layers
        image = self.keras.Input((16, 16, 3))
        x = self.convolved(image, 8)
        for _ in range(3):
            y = layers.Activation("relu")(layers.BatchNormalization()(x))
            y = layers.Conv2D(4, 3, padding="same", use_bias=False)(y)
            x = layers.Concatenate()([x, y])
        x = layers.Flatten()(layers.AveragePooling2D(2)(layers.Conv2D(8, 1)(x)))
        return self.keras.Model(image, layers.Dense(5, activation="softmax")(x)), self.images(
            16, 16, 3
        )

    def unet(self) -> tuple[Any, list[Any]]:
        layers = self.layers
        image = self.keras.Input((16, 20, 3))
        a = self.convolved(image, 4)
        b = self.convolved(layers.MaxPooling2D()(a), 8)
        x = self.convolved(layers.MaxPooling2D()(b), 12)
        x = layers.Conv2DTranspose(8, 3, strides=2, padding="same")(x)
        x = self.convolved(layers.Concatenate()([x, b]), 8)
        x = layers.UpSampling2D(2, interpolation="bilinear")(x)
        x = self.convolved(layers.Concatenate()([x, a]), 4)
        return self.keras.Model(image, layers.Conv2D(2, 1, activation="sigmoid")(x)), self.images(
            16, 20, 3
        )

    def attending(self, x: Any, **masks: Any) -> Any:
        layers = self.layers
        y = layers.MultiHeadAttention(2, 4)(x, x, **masks)
        x = layers.LayerNormalization(epsilon=1e-6)(layers.Add()([x, y]))
        # Neither exporter has the exact function.
        y = layers.Lambda(lambda z: self.keras.activations.gelu(z, approximate=True))(
            layers.Dense(16)(x)
        )
        y = layers.Dense(8)(y)
        return layers.LayerNormalization(epsilon=1e-6)(layers.Add()([x, y]))

    def bert(self) -> tuple[Any, list[Any]]:
        layers = self.layers
        tokens, seen = (self.keras.Input((6,), dtype="int32") for _ in range(2))
        x = layers.LayerNormalization()(layers.Embedding(20, 8)(tokens))
        mask = layers.Reshape((1, 6))(seen)
        for _ in range(2):
            x = self.attending(layers.Dropout(0.1)(x), attention_mask=mask)
        pooled = layers.Dense(8, activation="tanh")(x[:, 0])
        model = self.keras.Model([tokens, seen], [x, pooled])
        return model, [*self.tokens(), np.array([[1] * 6, [1] * 4 + [0] * 2], "i4")]

    def gpt(self) -> tuple[Any, list[Any]]:
        tokens = self.keras.Input((6,), dtype="int32")
        x = self.layers.Embedding(20, 8)(tokens)
        for _ in range(2):
            x = self.attending(x, use_causal_mask=True)
        return self.keras.Model(tokens, self.layers.Dense(20)(x)), self.tokens()


NAMES = ("resnet", "mobilenet", "densenet", "unet", "bert", "gpt")


def randomised(model: Any) -> None:
    """Statistics and offsets that are not those of a fresh model."""
    for weight in model.weights:
        name, array = getattr(weight, "path", None) or weight.name, np.asarray(weight)
        if array.dtype == np.float32 and "kernel" not in name and array.ndim == 1:
            positive = "variance" in name or "gamma" in name
            weight.assign(
                RNG.uniform(0.5, 1.5, array.shape) if positive else RNG.normal(0, 0.2, array.shape)
            )


def by_keras() -> None:
    import keras

    keras.utils.set_random_seed(3)
    for name in NAMES:
        model, inputs = getattr(Networks(keras), name)()
        randomised(model)
        path = FOLDER / f"{name}.keras.onnx"
        fed = inputs if len(inputs) > 1 else inputs[0]
        outputs = model(fed)
        model.export(path, format="onnx", verbose=False)
        without_paths(path)
        record(path, inputs, outputs if isinstance(outputs, list | tuple) else [outputs])


def by_tf2onnx() -> None:
    import tensorflow as tf
    import tf2onnx
    import tf_keras

    tf_keras.utils.set_random_seed(3)
    for name, opset in zip(NAMES, (11, 13, 15, 17, 18, 18), strict=True):
        model, inputs = getattr(Networks(tf_keras), name)()
        randomised(model)
        path = FOLDER / f"{name}.tf2onnx.onnx"
        types = [tf.TensorSpec((None, *value.shape[1:]), value.dtype) for value in model.inputs]
        tf2onnx.convert.from_keras(model, types, opset=opset, output_path=str(path))
        without_paths(path)
        outputs = model(inputs if len(inputs) > 1 else inputs[0], training=False)
        record(path, inputs, outputs if isinstance(outputs, list | tuple) else [outputs])


def by_dynamo() -> None:
    import torch
    from tests.frameworks.export_nets import FAMILIES, NETS, fresh

    for name in FAMILIES:
        make, inputs, dynamic = NETS[name]
        network, given = fresh(make), inputs(2, 5)
        path = FOLDER / f"{name}.dynamo.onnx"
        shapes = tuple(dict.fromkeys(axes, torch.export.Dim.AUTO) for axes in dynamic)
        torch.onnx.export(
            network,
            given,
            path,
            dynamo=True,
            dynamic_shapes=shapes,
            external_data=False,
            verbose=False,
        )
        without_paths(path)
        with torch.no_grad():
            outputs = network(*given)
        record(path, given, outputs if isinstance(outputs, tuple) else (outputs,))


def by_sklearn() -> None:
    from skl2onnx import to_onnx
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x = RNG.standard_normal((80, 6)).astype("f4")
    classes = (x @ RNG.standard_normal((6, 3))).argmax(1)
    made: dict[str, tuple[Any, Any]] = {
        "classes": (MLPClassifier((8, 5), max_iter=20, activation="tanh", random_state=1), classes),
        "two_classes": (MLPClassifier((8,), max_iter=20, random_state=1), classes > 0),
        "scaled": (
            make_pipeline(
                StandardScaler(), MLPRegressor(hidden_layer_sizes=(8,), max_iter=20, random_state=1)
            ),
            x[:, 0],
        ),
    }
    for name, (model, wanted) in made.items():
        model.fit(x, wanted)
        told = hasattr(model, "predict_proba")
        path = FOLDER / f"{name}.sklearn.onnx"
        options = {id(model): {"zipmap": False}} if told else None
        path.write_bytes(
            to_onnx(model, x[:1], options=options, target_opset=18).SerializeToString()
        )
        outputs = [
            model.predict(x[:3]),
            *([model.predict_proba(x[:3]).astype("f4")] if told else []),
        ]
        record(path, [x[:3]], outputs if told else [outputs[0].astype("f4").reshape(-1, 1)])


EXPORTERS: dict[str, Callable[[], None]] = {
    "keras": by_keras,
    "tf2onnx": by_tf2onnx,
    "dynamo": by_dynamo,
    "sklearn": by_sklearn,
}

if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    EXPORTERS[sys.argv[1]]()
