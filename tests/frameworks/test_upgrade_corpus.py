"""Real files of Keras 1.1 to 2.2 and the recorded models: outputs as their writers computed them.

Every canonical layer is made by the live Keras 3 from its config and run with its weights, so
nothing of modelport but the readers and the upgrade takes part.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rebuild import close, run

from modelport.dialects.keras.upgrade import upgrade
from modelport.formats.candidate import Candidate
from modelport.formats.table import read
from modelport.model.report import Report

pytestmark = pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")

TESTS = Path(__file__).parents[1]
SHARED = TESTS.parents[1] / "shared"
OLD = TESTS / "files" / "keras-h5"
CORPUS = TESTS / "truth" / "corpus"

NOT_IN_KERAS3 = {
    "keras1.2.2-tensorflow-removed-layers": "MaxoutDense, Highway",
    "keras1.2.2-tensorflow-shapes": "LocallyConnected1D",
    "keras2.2.4-tensorflow-locally-connected": "LocallyConnected2D",
}
"""Old models with layers that the live Keras 3 cannot judge; their lowerings are tested."""


def pairs() -> list[tuple[str, Path, Path]]:
    """Model files and what their framework computed: (id, model, recorded values)."""
    found = [
        (path.name[: -len(".io.npz")], path.with_name(path.name.replace(".io.npz", ".h5")), path)
        for path in sorted(OLD.glob("*.io.npz"))
    ]
    found = [row for row in found if row[0] not in NOT_IN_KERAS3 and row[1].is_file()]
    if SHARED.is_dir():
        corpus = SHARED / "corpus" / "keras_h5_full"
        found += [(p.name[:-4], corpus / p.name[:-4], p) for p in sorted(CORPUS.glob("*.npz"))]
        for folder in sorted(SHARED.glob("truth/keras*/*")):
            for name in ("model.h5", "model.keras"):
                found.append((f"{folder.name}-{name}", folder / name, folder / "io.npz"))
    return found


PAIRS = pairs()


@pytest.mark.parametrize(("model", "record"), [row[1:] for row in PAIRS], ids=[r[0] for r in PAIRS])
def test_outputs_are_those_recorded(model: Path, record: Path) -> None:
    recorded = np.load(record)
    inputs = [recorded[f"x{i}"] for i in range(len(recorded)) if f"x{i}" in recorded]
    wanted = [recorded[f"y{i}"] for i in range(len(recorded)) if f"y{i}" in recorded]
    upgraded = upgrade(read(Candidate(model)), Report())
    for found, want in zip(run(upgraded.graph, inputs), wanted, strict=True):
        close(found, want)
