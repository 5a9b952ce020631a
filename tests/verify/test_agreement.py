from __future__ import annotations

import numpy as np
import pytest

from modelport.runtimes.runtime import Run
from modelport.verify.agreement import Agreement, Status, best_status, compare_outputs


def runs(a: object, b: object) -> tuple[Run, Run]:
    return Run("a", [np.asarray(a)], ["y"]), Run("b", [np.asarray(b)], ["y"])


@pytest.mark.parametrize(
    ("a", "b", "agree"),
    [
        ([1.0, 2.0], [1.0, 2.0], True),
        ([1.0, 1000.0], [1.05, 1000.0], True),  # small beside the scale of the output
        ([1.0, 2.0], [1.0, 2.001], False),
        ([0.0, 0.0], [0.0, 1e-3], False),
        ([np.nan, 1.0], [np.nan, 1.0], True),
        ([np.nan, 1.0], [0.0, 1.0], False),
        ([np.inf, 1.0], [np.inf, 1.0], True),
        ([np.inf, 1.0], [-np.inf, 1.0], False),
        ([1.0, 2.0], [[1.0, 2.0]], False),
        ([1, 2], [1, 2], True),
        ([True, False], [True, True], False),
        (["a", "b"], ["a", "b"], True),
        (["a", "b"], ["a", "c"], False),
        ([], [], True),
    ],
)
def test_one_output(a: object, b: object, agree: bool) -> None:
    differences = compare_outputs(*runs(a, b))
    assert differences[0].agree is agree
    assert (best_status(differences) is Status.AGREED) is agree


def test_outputs_are_matched_by_name_where_both_have_them() -> None:
    a = Run("a", [np.zeros(2), np.ones(2)], ["p", "q"])
    b = Run("b", [np.ones(2), np.zeros(2)], ["q", "p"])
    assert all(difference.agree for difference in compare_outputs(a, b))


def test_a_missing_output_is_a_disagreement() -> None:
    a = Run("a", [np.zeros(2), np.ones(2)], ["p", "q"])
    b = Run("b", [np.zeros(2)], ["r"])
    assert [difference.agree for difference in compare_outputs(a, b)] == [True, False]


@pytest.mark.parametrize(
    ("status", "exact", "agree"),
    [
        (Status.AGREED, None, True),
        (Status.DISAGREED, True, False),
        (Status.WEIGHTS_ONLY, True, True),
        (Status.WEIGHTS_ONLY, False, False),
        (Status.NOT_RUN, None, False),
    ],
)
def test_what_counts_as_agreement(status: Status, exact: bool | None, agree: bool) -> None:
    assert Agreement(status, weights_exact=exact).agree is agree
