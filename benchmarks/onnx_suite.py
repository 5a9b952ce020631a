"""The operator tests of the onnx package, to PyTorch and to Keras, beside onnx2torch.

``python benchmarks/onnx_suite.py [PART OF A NAME]`` converts every model, runs it in its framework
and holds it against the outputs that the suite has recorded. Without a name it writes
``docs/onnx-operators.md``: how many tests of each operator pass, and why others do not. Needs the
``dev`` extra and ``pip install --no-deps onnx2torch`` (which wants torchvision for two operators).
"""

from __future__ import annotations

import importlib.util
import re
import sys
import tempfile
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from onnx.backend.test.case.node import collect_testcases

from modelport.convert.carry import carry
from modelport.errors import ModelportError
from modelport.formats.candidate import Candidate
from modelport.formats.table import by_name, read
from modelport.model.report import Report
from modelport.runtimes.torch_values import to_numpy, to_torch
from modelport.wire.output import Output

TABLE = Path(__file__).parents[1] / "docs" / "onnx-operators.md"

Runner = Callable[[Sequence[Any]], Sequence[Any]]
Loader = Callable[[Path, Path], Runner]


@dataclass
class Score:
    """What one tool makes of the suite: for each test why it fails, or nothing."""

    told: dict[str, str] = field(default_factory=dict)

    @property
    def passed(self) -> int:
        return sum(not why for why in self.told.values())


def values(data: Any) -> Any:
    """What the suite has as messages, arrays or lists, as arrays, lists and None."""
    if isinstance(data, onnx.TensorProto):
        return numpy_helper.to_array(data)
    if isinstance(data, onnx.SequenceProto):
        return numpy_helper.to_list(data)
    if isinstance(data, onnx.OptionalProto):
        return numpy_helper.to_optional(data)
    if isinstance(data, list | tuple):
        return [values(item) for item in data]
    return None if data is None else np.asarray(data)


def given(value: Any) -> Any:
    if isinstance(value, list):
        return [given(item) for item in value]
    return None if value is None else to_torch(value)


def taken(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [taken(item) for item in value]
    return None if value is None else to_numpy(value)


def converted(path: Path, target: Path, to: str) -> None:
    """Convert without the verification, which this is."""
    report, form = Report(), by_name(to)
    carried = carry(read(Candidate(path)), form, report)
    with Output(target, overwrite=True) as output:
        assert form.write is not None
        form.write(carried, output, report)
        output.publish()


def to_torch_model(path: Path, folder: Path) -> Runner:
    converted(path, folder / "found.pt", "pytorch")
    spec = importlib.util.spec_from_file_location("found", folder / "found.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return ran(module.load())


def by_onnx2torch(path: Path, folder: Path) -> Runner:
    import onnx2torch

    return ran(onnx2torch.convert(onnx.load(path)).eval())


def ran(model: Any) -> Runner:
    def run(inputs: Sequence[Any]) -> Sequence[Any]:
        with torch.no_grad():
            found = model(*map(given, inputs))
        return [taken(item) for item in (found if isinstance(found, tuple) else (found,))]

    return run


def to_keras_model(path: Path, folder: Path) -> Runner:
    import keras

    converted(path, folder / "found.keras", "keras-v3")
    model = keras.saving.load_model(folder / "found.keras", compile=False)

    def run(inputs: Sequence[Any]) -> Sequence[Any]:
        found = model([keras.ops.convert_to_tensor(item) for item in inputs])
        parts = found if isinstance(found, list | tuple) else [found]
        return [np.asarray(part) for part in parts]

    return run


TOOLS: dict[str, Loader] = {
    "PyTorch": to_torch_model,
    "onnx2torch": by_onnx2torch,
    "Keras": to_keras_model,
}


def equal(found: Any, wanted: Any, rtol: float, atol: float) -> str:
    """What differs, or nothing."""
    if isinstance(wanted, list):
        if not isinstance(found, list) or len(found) != len(wanted):
            return "a list of another length"
        told = (equal(a, b, rtol, atol) for a, b in zip(found, wanted, strict=True))
        return next((why for why in told if why), "")
    if wanted is None or found is None:
        return "" if wanted is found else "nothing against something"
    if found.dtype != wanted.dtype or found.shape != wanted.shape:
        return f"{found.dtype} {found.shape} instead of {wanted.dtype} {wanted.shape}"
    if wanted.dtype.kind in "biuOSU":
        return "" if np.array_equal(found, wanted) else "other values"
    a, b = (np.asarray(x, "c16" if x.dtype.kind == "c" else "f8") for x in (found, wanted))
    return "" if np.allclose(a, b, rtol=rtol, atol=atol, equal_nan=True) else "other values"


def tried(case: Any, load: Loader, folder: Path) -> str:
    """Why a test does not pass, or nothing."""
    path = folder / "model.onnx"
    path.write_bytes(case.model.SerializeToString())
    try:
        run = load(path, folder)
        for inputs, outputs in case.data_sets:
            found = run([values(item) for item in inputs])
            for mine, wanted in zip(found, outputs, strict=True):
                # The suite's own runner compares to 1e-3 and 1e-7.
                why = equal(mine, values(wanted), max(case.rtol, 1e-3), max(case.atol, 1e-6))
                if why:
                    return why
    except ModelportError as error:
        return f"refused: {getattr(error, 'why', str(error))}"
    # The frameworks and the peer raise anything.
    except Exception as error:
        return f"{type(error).__name__}: {' '.join(str(error).split())[:120]}"
    return ""


def cases(part: str) -> Iterator[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = collect_testcases(None)
    yield from (case for case in found if case.model is not None and part in case.name)


def operator(case: Any) -> str:
    """The operator that a test is about; expanded ones and functions count to theirs."""
    kinds = [node.op_type for node in case.model.graph.node]
    word = re.sub(r"^test_|_expanded.*$|_", "", case.name).lower()
    known = sorted({schema.name for schema in onnx.defs.get_all_schemas()}, key=len, reverse=True)
    named = next((name for name in known if word.startswith(name.lower())), None)
    return named or kinds[0]


def write_table(suite: Sequence[Any], scores: dict[str, Score]) -> None:
    by_operator: dict[str, list[str]] = defaultdict(list)
    for case in suite:
        by_operator[operator(case)].append(case.name)
    lines = [
        "# ONNX operators in PyTorch and Keras",
        "",
        "Made by `benchmarks/onnx_suite.py` from the operator tests of the onnx package "
        f"{onnx.__version__}: how many of the tests of each operator pass when the model is "
        "converted and run in the framework, and the most frequent reason why others do not.",
        "",
        "| | tests | " + " | ".join(scores) + " |",
        "|---|---:|" + "---:|" * len(scores),
        f"| all | {len(suite)} | "
        + " | ".join(str(score.passed) for score in scores.values())
        + " |",
        "",
        "| operator | tests | PyTorch | Keras | why not in PyTorch | why not in Keras |",
        "|---|---:|---:|---:|---|---|",
    ]
    for name in sorted(by_operator):
        tests = by_operator[name]
        cells = [name, str(len(tests))]
        whys = []
        for tool in ("PyTorch", "Keras"):
            told = [scores[tool].told[test] for test in tests]
            cells.append(str(sum(not why for why in told)))
            reasons = Counter(_general(why) for why in told if why)
            whys.append(reasons.most_common(1)[0][0] if reasons else "")
        lines.append(f"| {' | '.join([*cells, *whys])} |")
    TABLE.write_text("\n".join(lines) + "\n")


def _general(why: str) -> str:
    """A reason without the names and numbers of one test."""
    plain = re.sub(r"modelport cannot write the operator \S+ for \w+", "no words for it", why)
    return plain.removeprefix("refused: ").replace("|", "/")[:100]


def main() -> None:
    warnings.simplefilter("ignore")
    part = sys.argv[1] if len(sys.argv) > 1 else ""
    suite = list(cases(part))
    scores = {}
    for tool, load in TOOLS.items():
        if tool == "onnx2torch" and importlib.util.find_spec("onnx2torch") is None:
            continue
        scores[tool] = Score()
        with tempfile.TemporaryDirectory() as folder:
            for case in suite:
                scores[tool].told[case.name] = tried(case, load, Path(folder))
        print(f"{tool}: {scores[tool].passed} of {len(suite)}")
        if part:
            for name, why in scores[tool].told.items():
                print(f"  {name}: {why or 'passes'}")
    if not part:
        write_table(suite, scores)


if __name__ == "__main__":
    main()
