"""Random models of Keras 3 and tf_keras from a seed, each with inputs and what it gives for them.

A model is grown value by value: each symbolic tensor has the number it stands for beside it, so
that the framework itself says at every step whether arguments are valid.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from random_calls import of_keras, of_tensorflow
from random_layers import ROWS, Draw, Row

BATCH = 3
SHAPES: dict[int, list[tuple[int, ...]]] = {
    2: [(4,), (6,)],
    3: [(5, 4), (6, 3), (4, 4)],
    4: [(6, 5, 4), (7, 8, 2), (4, 4, 3)],
    5: [(4, 5, 4, 2), (3, 4, 4, 3)],
}
LARGEST = 4000


@dataclass
class Item:
    """A symbolic tensor, its number for the sample's inputs, and what it was made from."""

    symbol: Any
    number: Any

    @property
    def rank(self) -> int:
        return len(self.number.shape)


@dataclass
class Sample:
    """A model, its inputs in the order of ``model.inputs``, and the steps that made it."""

    model: Any
    inputs: list[np.ndarray]
    steps: list[str] = field(default_factory=list)
    targets: list[np.ndarray] = field(default_factory=list)
    chance: bool = False


class Grower:
    """Grows one model of ``keras`` (Keras 3 or tf_keras) from a seed."""

    def __init__(self, keras: Any, seed: int, policy: str = "float32") -> None:
        self.k, self.d, self.policy = keras, Draw(seed), policy
        self.old = not hasattr(keras, "ops")
        self.random = np.random.default_rng(seed)
        self.steps: list[str] = []
        self.layers: list[tuple[Any, tuple[int, ...], str]] = []
        self.fixed = self.d.chance(0.2)

    def input(self, shape: tuple[int, ...], kind: str, number: Any = None) -> Item:
        open_axes = shape if len(shape) == 1 or self.d.chance(0.75) else (None, *shape[1:])
        dtype = "int32" if kind == "int" else "float16" if self.policy == "float16" else "float32"
        given = {"batch_size": BATCH} if self.fixed else {}
        symbol = self.k.Input(open_axes, dtype=dtype, **given)
        if number is None:
            number = self.random.normal(0, 1, (BATCH, *shape))
            if kind == "int":
                number = self.random.integers(0, 8, (BATCH, *shape))
                number[:, -1] *= self.random.integers(0, 2, BATCH)
            elif len(shape) == 2:
                number[self.random.random(number.shape[:2]) < 0.25] = 0.0
        return Item(symbol, _tensor(number.astype(dtype)))

    def apply(self, pool: list[Item]) -> list[Item] | None:
        """One more step over the pool; None where the drawn arguments do not fit."""
        d = self.d
        x = d.choice(pool[-4:] if d.chance(0.7) else pool)
        if d.chance(0.2):
            y = d.choice([item for item in pool if item.number.shape == x.number.shape])
            call = of_tensorflow if self.old else of_keras
            state = d.getstate()
            number = call(d, self.k, x.number, y.number)
            d.setstate(state)
            symbol = call(d, self.k, x.symbol, y.symbol)
            return self.items(f"call {_flat(symbol)[0].name}", symbol, number)
        if self.layers and d.chance(0.15):
            layer, shape, _ = d.choice(self.layers)
            same = [item for item in pool if tuple(item.symbol.shape) == shape]
            if same:
                return self.call(layer, [d.choice(same)], False)
        kind = "float" if _floating(x.number) else "int"
        rows = [row for row in ROWS if x.rank in row.ranks and row.kind == kind]
        if not rows:
            return None
        row: Row = d.choice(rows)
        xs = [x]
        for _ in range(abs(row.inputs) - 1):
            close = [
                item
                for item in pool
                if item.rank == x.rank and _floating(item.number) == _floating(x.number)
            ]
            xs.append(d.choice(close))
        layer = row.make(d, self.k, tuple(x.symbol.shape))
        if d.chance(0.1):
            layer.trainable = False
        if len(xs) == 1:
            self.layers.append((layer, tuple(x.symbol.shape), row.kind))
        return self.call(layer, xs, row.inputs < 0)

    def call(self, layer: Any, xs: list[Item], apart: bool) -> list[Item]:
        symbols, numbers = [x.symbol for x in xs], [x.number for x in xs]
        given: dict[str, Any] = {}
        if apart and self.d.chance(0.3):
            given = {"use_causal_mask": True}
        if len(xs) == 1 or apart:
            symbol = layer(*symbols, **given)
            number = lambda: layer(*numbers, training=False, **given)  # noqa: E731
        else:
            symbol = layer(symbols)
            number = lambda: layer(numbers)  # noqa: E731
        self.randomize(layer)
        made = self.items(type(layer).__name__, symbol, _called(layer, number))
        _refuse_bias_on_the_wrong_axis(layer, made)
        self.steps[-1] += f" {_short(layer.get_config())}"
        return made

    def items(self, what: str, symbol: Any, number: Any) -> list[Item]:
        flat = [Item(s, n) for s, n in zip(_flat(symbol), _flat(number), strict=True)]
        for item in flat:
            value = np.asarray(item.number)
            if not (_floating(value) or value.dtype.kind in "iub") or value.size > LARGEST:
                raise ValueError("of no use here")
            if not np.isfinite(value.astype("f8")).all() or np.abs(value.astype("f8")).max() > 100:
                raise ValueError("too large")
            if value.ndim < 2 or value.shape[0] != BATCH or not value.size:
                raise ValueError("no batch")
        self.steps.append(f"{what} {[item.number.shape for item in flat]}")
        return flat

    def randomize(self, layer: Any) -> None:
        for variable in layer.weights:
            value = np.asarray(variable)
            if not _floating(value) or "seed" in variable.name:
                continue
            made = self.random.normal(0, 0.5, value.shape)
            if "variance" in variable.name or variable.name.startswith(("variance", "mean")):
                made = np.abs(made) + 0.5
            variable.assign(made.astype(value.dtype))

    def nested(self, pool: list[Item], depth: int) -> list[Item]:
        """A model of its own, called once or twice, sometimes at every step of a sequence."""
        x = self.d.choice(pool)
        over_time = x.rank > 2 and self.d.chance(0.3) and _floating(x.number)
        number = x.number[:, 0] if over_time else x.number
        kind = "float" if _floating(x.number) else "int"
        shape = tuple(x.symbol.shape)[2 if over_time else 1 :]
        entry = self.k.Input(shape, dtype=x.symbol.dtype if self.old else str(x.symbol.dtype))
        outer, self.layers = self.layers, []
        try:
            inner = self.grow([Item(entry, number)], self.d.randint(1, 4), depth - 1)
        finally:
            self.layers = outer
        outputs = inner[-1:] if over_time or self.d.chance(0.7) else inner[-2:]
        made = self.k.Model(entry, [item.symbol for item in outputs])
        if len(outputs) == 1:
            made = self.k.Model(entry, outputs[0].symbol)
        if made.inputs[0] is outputs[0].symbol:
            raise ValueError("an empty model")
        layer = self.k.layers.TimeDistributed(made) if over_time else made
        results = self.items("nested " + kind, layer(x.symbol), layer(x.number, training=False))
        self.layers.append((layer, tuple(x.symbol.shape), "float"))
        return results

    def grow(self, pool: list[Item], steps: int, depth: int) -> list[Item]:
        done = tries = 0
        while done < steps and tries < 60:
            tries += 1
            try:
                if depth and self.d.chance(0.12):
                    made = self.nested(pool, depth)
                else:
                    made = self.apply(pool)
            except Exception:
                # Whatever the framework says to arguments that do not fit.
                continue
            if made:
                pool = [*pool, *made]
                done += 1
        return pool

    def sample(self) -> Sample:
        d = self.d
        entries = []
        for _ in range(d.randint(1, 3)):
            kind = "int" if d.chance(0.2) else "float"
            shape = (5,) if kind == "int" else d.choice(SHAPES[d.choice([2, 3, 3, 3, 4, 4, 5])])
            entries.append(self.input(shape, kind))
        pool = self.grow(entries, d.randint(2, 9), 2)
        made = [item for item in pool if all(item is not entry for entry in entries)]
        if not made:
            raise ValueError("nothing grew")
        outputs = made[-1:] + d.sample(made[:-1], min(len(made) - 1, d.randint(0, 2)))
        symbols: Any = [item.symbol for item in outputs]
        model = self.k.Model(
            [e.symbol for e in entries], symbols if len(symbols) > 1 else symbols[0]
        )
        sample = Sample(model, [np.asarray(entry.number) for entry in entries], self.steps)
        if d.chance(0.5) and all(_floating(item.number) for item in outputs):
            self.trained(sample, [np.asarray(item.number) for item in outputs])
        return sample

    def trained(self, sample: Sample, outputs: list[np.ndarray]) -> None:
        """Compile the model with random settings and train it one step, where it can be."""
        d, model = self.d, sample.model
        if not model.trainable_weights:
            return
        names = [
            "SGD",
            "Adam",
            "AdamW",
            "RMSprop",
            "Adagrad",
            "Adadelta",
            "Adamax",
            "Nadam",
            "Ftrl",
        ]
        name = d.choice(names if self.old else [*names, "Lion", "Adafactor"])
        rate: Any = d.choice([0.01, 0.001])
        if d.chance(0.2):
            rate = self.k.optimizers.schedules.ExponentialDecay(0.01, 5, 0.9)
        given = d.some(clipnorm=[0.1], use_ema=[True]) | d.some(weight_decay=[0.01])
        if name in ("SGD", "RMSprop"):
            given |= d.some(momentum=[0.9])
        if name == "SGD":
            given |= d.some(nesterov=[True])
        if name in ("Adam", "AdamW"):
            given |= d.some(amsgrad=[True], beta_1=[0.8], epsilon=[1e-4])
        if name == "RMSprop":
            given |= d.some(centered=[True], rho=[0.8])
        losses = ["mse", "mae", "mean_squared_error", "huber", "log_cosh", "MeanSquaredError"]
        losses += [self.k.losses.Huber(0.5), self.k.losses.MeanAbsoluteError()]
        loss: Any = d.choice(losses)
        if len(outputs) > 1 and d.chance():
            loss = [d.choice(losses) for _ in outputs]
        more = {"loss_weights": [0.5] * len(outputs)} if d.chance(0.3) else {}
        if len(outputs) == 1:
            more |= d.some(metrics=[["mae"], ["mse", "mae"]])
        model.compile(
            getattr(self.k.optimizers, name)(rate, **given), loss, run_eagerly=True, **more
        )
        sample.targets = [self.random.normal(0, 1, x.shape).astype(x.dtype) for x in outputs]
        sample.chance = any(
            isinstance(getattr(layer, part, None), int | float) and getattr(layer, part) > 0
            for layer in model._flatten_layers()
            for part in ("rate", "stddev", "dropout", "recurrent_dropout", "_dropout")
        ) or any("Random" in type(layer).__name__ for layer in model._flatten_layers())
        given_x = sample.inputs if len(sample.inputs) > 1 else sample.inputs[0]
        targets: Any = sample.targets if len(sample.targets) > 1 else sample.targets[0]
        model.train_on_batch(given_x, targets)
        for weight in model.weights:
            if not np.isfinite(np.asarray(weight).astype("f8")).all():
                raise ValueError("trained to nothing")


def _called(layer: Any, number: Any) -> Any:
    result = number()
    for held in [layer, *getattr(layer, "_flatten_layers", list)()]:
        if getattr(held, "stateful", False) and hasattr(held, "reset_states"):
            held.reset_states()
        elif getattr(held, "stateful", False) and hasattr(held, "reset_state"):
            held.reset_state()
    return result


def _refuse_bias_on_the_wrong_axis(layer: Any, made: list[Item]) -> None:
    """``keras.ops.add`` on TensorFlow adds a bias to the last axis wherever that fits."""
    for held in layer._flatten_layers():
        if getattr(held, "data_format", "") == "channels_first" and getattr(
            held, "use_bias", False
        ):
            filters = getattr(held, "filters", None) or held.depth_multiplier
            if any(item.number.shape[-1] % filters == 0 for item in made):
                raise ValueError("a bias that Keras adds along the wrong axis")


def _tensor(value: np.ndarray) -> Any:
    import tensorflow as tf

    return tf.constant(value)


def _floating(value: Any) -> bool:
    return "float" in str(value.dtype)


def _flat(value: Any) -> list[Any]:
    return (
        [v for part in value for v in _flat(part)] if isinstance(value, list | tuple) else [value]
    )


def _short(config: dict[str, Any]) -> str:
    plain = {k: v for k, v in config.items() if isinstance(v, int | float | str | list | tuple)}
    return str({k: v for k, v in plain.items() if k not in ("name", "trainable")})[:400]


def random_model(keras: Any, seed: int) -> Sample:
    """The model of a seed; the same in every process."""
    for attempt in range(20):
        keras.backend.clear_session()
        keras.utils.set_random_seed(seed)
        policy = Draw(seed).choice(["float32"] * 12 + ["mixed_float16", "float16"])
        setting = keras.mixed_precision if hasattr(keras, "mixed_precision") else keras.config
        setter = getattr(setting, "set_global_policy", None) or setting.set_dtype_policy
        setter(policy)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return Grower(keras, seed * 100 + attempt, policy).sample()
        except ValueError:
            continue
        finally:
            setter("float32")
    raise AssertionError(f"seed {seed} gives no model")
