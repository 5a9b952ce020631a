"""``verify``: run two files on the same inputs and say whether they agree."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from modelport.commands.convert import describe
from modelport.commands.examples import load_inputs
from modelport.commands.open import open_model
from modelport.errors import MissingRuntime
from modelport.verify.agreement import Agreement, Status
from modelport.verify.inputs import SAMPLES
from modelport.verify.locate import first_difference
from modelport.verify.signature import named
from modelport.verify.verify import Side, run_both
from modelport.verify.weights import prove_alike

SCHEMA = "modelport.verify/1"


def verify(
    a: str | os.PathLike[str],
    b: str | os.PathLike[str],
    *,
    inputs: str | os.PathLike[str] | None = None,
    samples: int = SAMPLES,
    seed: int = 0,
    side_files: str | os.PathLike[str] | None = None,
) -> Agreement:
    """Run two model files on the same inputs and compare; prove the weights where that can be.

    ``inputs`` is an ``.npz`` with an array for each input, under its name (or, written without
    names, in order); by default inputs are random. ``side_files`` is one more folder that files may
    lie in that A or B lead to.

    Raises:
        WrongUsage: the arrays of ``inputs`` have other names than the inputs of both models.
        MissingRuntime: a framework is needed that is not installed, and the weights prove nothing.
        ModelportError: a file cannot be opened.
    """
    left = Side(open_model(a, side_files=side_files), Path(a))
    right = Side(open_model(b, side_files=side_files), Path(b))
    given = None
    if inputs is not None:
        given = named(load_inputs(inputs), left.model, right.model, str(inputs))
    agreement = run_both(left, right, inputs=given, samples=samples, seed=seed)
    proof = prove_alike(left.model, right.model)
    if proof is not None:
        agreement.weights_exact = proof.exact
        agreement.unused_source_tensors = proof.unused
        apart = [*proof.differing, *proof.unused]
        if apart and agreement.status is Status.NOT_RUN:
            agreement.reason += f"; weights that are not the same: {', '.join(apart[:5])}"
    # Whoever gives inputs wants a run; the weights do not answer for it.
    if agreement.status is Status.NOT_RUN and proof is not None and given is None:
        agreement.status = Status.WEIGHTS_ONLY
    if agreement.status is Status.NOT_RUN and agreement.missing is not None:
        raise MissingRuntime(*agreement.missing)
    if agreement.status is Status.DISAGREED:
        agreement.first_difference = first_difference(
            left, right, inputs=given, samples=samples, seed=seed
        )
    return agreement


def as_json(agreement: Agreement) -> dict[str, Any]:
    """The JSON object of ``modelport verify --json``."""
    return {"schema": SCHEMA, **describe(agreement), "agree": agreement.agree}
