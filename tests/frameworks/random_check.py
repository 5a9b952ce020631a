"""Everything modelport promises of a Keras file, held against the live model it was saved from."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import live
import numpy as np
from random_models import Sample

import modelport
from modelport.errors import ConversionError
from modelport.model.report import Kind


def expected(sample: Sample) -> list[np.ndarray]:
    """What the live model gives, from fresh states."""
    reset(sample.model)
    given: Any = sample.inputs if len(sample.inputs) > 1 else sample.inputs[0]
    made = [np.asarray(value) for value in live._flat(sample.model(given, training=False))]
    reset(sample.model)
    return made


def reset(model: Any) -> None:
    for layer in model._flatten_layers():
        if getattr(layer, "stateful", False):
            for name in ("reset_state", "reset_states"):
                if layer is not model and hasattr(layer, name):
                    getattr(layer, name)()
                    break


def sensitive(sample: Sample, wanted: list[np.ndarray]) -> float:
    """How far the outputs move, of their scale, when the weights and inputs do by rounding."""
    worst = 0.0
    generator = np.random.default_rng(0)
    kept = [np.asarray(w) for w in sample.model.weights]
    for _ in range(3):
        moved = [
            x * (1 + generator.uniform(-3e-7, 3e-7, x.shape)).astype(x.dtype)
            if x.dtype.kind == "f"
            else x
            for x in sample.inputs
        ]
        for w, value in zip(sample.model.weights, kept, strict=True):
            if value.dtype == np.float32:
                w.assign(value * (1 + generator.uniform(-3e-7, 3e-7, value.shape)).astype("f"))
        found = expected(Sample(sample.model, moved))
        for w, value in zip(sample.model.weights, kept, strict=True):
            w.assign(value)
        for a, b in zip(found, wanted, strict=True):
            worst = max(worst, apart(a, b))
    return worst


def apart(found: Any, wanted: Any) -> float:
    """The largest difference, of the scale of what is wanted."""
    if found.shape != wanted.shape:
        return float("inf")
    if not wanted.size:
        return 0.0
    a, b = found.astype("f8"), wanted.astype("f8")
    if not np.array_equal(np.isfinite(a), np.isfinite(b)):
        return float("inf")
    a, b = np.nan_to_num(a, posinf=1, neginf=-1), np.nan_to_num(b, posinf=1, neginf=-1)
    return float(np.abs(a - b).max() / max(1e-2, np.abs(b).max()))


def limit(model: Any) -> float:
    """1e-4, or 8 steps of the coarsest dtype that a layer computes in."""
    kinds = {str(layer.compute_dtype) for layer in model._flatten_layers()}
    if "bfloat16" in kinds:
        return 8 * 2.0**-8
    return 8 * 2.0**-10 if "float16" in kinds else 1e-4


def _held(found: list[Any], wanted: list[Any], most: float) -> str | None:
    if len(found) != len(wanted):
        return f"{len(found)} outputs for {len(wanted)}"
    for i, (a, b) in enumerate(zip(found, wanted, strict=True)):
        if a.dtype != b.dtype and not {"bfloat16"} & {str(b.dtype)}:
            return f"output {i} is {a.dtype}, not {b.dtype}"
        if a.shape != b.shape:
            return f"output {i} has shape {a.shape}, not {b.shape}"
        if not apart(a, b) <= most:
            return f"output {i} is off by {apart(a, b):.2g}"
    return None


def problems(sample: Sample, folder: Path, suffix: str) -> Iterator[tuple[str, str]]:
    """Kind and text of everything that goes wrong with the saved model; ``limit`` for refusals."""
    wanted = expected(sample)
    source = folder / f"a{suffix}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            sample.model.save(source)
        except ValueError as error:
            yield "limit", f"the framework cannot save it: {error}"
            return
    yield from _guarded("inspect", lambda: _inspected(sample, source))
    yield from _guarded("onnx", lambda: _onnx(sample, source, wanted))
    target = folder / ("b.keras" if suffix == ".h5" else "b.h5")
    yield from _guarded("keras", lambda: _keras(sample, source, target, wanted))


def _guarded(what: str, check: Any) -> Iterator[tuple[str, str]]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = check()
    except ConversionError as error:
        yield "limit", f"{what}: {error}"
    except Exception as error:
        import traceback

        at = traceback.extract_tb(error.__traceback__)[-1]
        yield what, f"{type(error).__name__} at {at.filename[-40:]}:{at.lineno}: {error}"[:1500]
    else:
        if found:
            yield what, found


def _inspected(sample: Sample, source: Path) -> str | None:
    shown = modelport.inspect(source)
    weights = [w for w in sample.model.weights if "seed_generator" not in getattr(w, "path", "")]
    count = sum(int(np.prod(w.shape)) for w in weights)
    found = (shown["weights"] or {"parameters": 0})["parameters"]
    # Keras saves the kernel of a SpectralNormalization twice.
    twice = any("Spectral" in type(layer).__name__ for layer in sample.model._flatten_layers())
    if found != count and not twice:
        return f"{found} parameters, not {count}"
    shapes = [value["shape"] for value in shown["signature"]["outputs"]]
    if len(shapes) != len(sample.model.outputs):
        return f"{len(shapes)} outputs"
    for shape, tensor in zip(shapes, sample.model.outputs, strict=True):
        known = zip(shape or (), tensor.shape, strict=bool(shape))
        if any(a != b for a, b in known if None not in (a, b)):
            return f"an output of shape {shape}, not {list(tensor.shape)}"
    return None


def _onnx(sample: Sample, source: Path, wanted: list[Any]) -> str | None:
    target = source.with_name("c.onnx")
    modelport.convert(source, target, verify=False, overwrite=True)
    found = live.run(target.read_bytes(), sample.inputs)
    return _held(found, wanted, limit(sample.model))


def _keras(sample: Sample, source: Path, target: Path, wanted: list[Any]) -> str | None:
    import keras

    report = modelport.convert(source, target, verify=False, overwrite=True)
    if target.suffix == ".h5":
        back = target.with_name("d.keras")
        modelport.convert(target, back, verify=False, overwrite=True)
        loaded = keras.saving.load_model(target)
        wrong = _held(expected(Sample(loaded, sample.inputs)), wanted, limit(sample.model))
        if wrong:
            return f"as .h5: {wrong}"
        target = back
    loaded = keras.saving.load_model(target)
    wrong = _held(expected(Sample(loaded, sample.inputs)), wanted, limit(sample.model))
    if wrong or not sample.targets:
        return wrong
    if not loaded.compiled:
        return "not compiled"
    if sample.chance or any(change.kind is Kind.APPROXIMATED for change in report):
        return None
    sides = [loaded, sample.model]
    # Where Keras itself resumes otherwise than it would have gone on, either is as good.
    sides += [keras.saving.load_model(source)] if source.suffix == ".keras" else []
    for model in sides:
        reset(model)
        for _ in range(2):
            step(model, sample)
    for mine, *theirs in zip(*(model.weights for model in sides), strict=False):
        alike = [weight for weight in theirs if weight.shape == mine.shape]
        if alike and "moving" not in mine.name:
            off = min(apart(np.asarray(mine), np.asarray(weight)) for weight in alike)
            if off > max(1e-4, limit(sample.model) / 4):
                return f"after two steps {mine.name} is off by {off:.2g}"
    return None


def step(model: Any, sample: Sample) -> None:
    given = sample.inputs if len(sample.inputs) > 1 else sample.inputs[0]
    targets: Any = sample.targets if len(sample.targets) > 1 else sample.targets[0]
    model.train_on_batch(given, targets)
