from __future__ import annotations

import pytest

from modelport.model.axes import LAYOUT, Axes, axes_of, with_axes
from modelport.model.dtype import FLOAT32
from modelport.model.graph import TensorType, Value
from modelport.model.model import Model
from modelport.model.signature import Signature


def model(**metadata: object) -> Model:
    image = Value("x", TensorType(FLOAT32, (None, 8, 6, 3)))
    features = Value("y", TensorType(FLOAT32, None))
    return Model("keras-v3", "m.keras", signature=Signature([image], [features]), metadata=metadata)


def test_what_is_written_is_read() -> None:
    axes = Axes([(0, 2, 3, 1)], [None], "channels-last")
    assert axes_of(model(**with_axes({}, axes))) == axes
    assert with_axes({LAYOUT: "old", "licence": "MIT"}, Axes([None], [None])) == {"licence": "MIT"}


def test_one_after_the_other() -> None:
    last, first = Axes([(0, 2, 3, 1)], [None], "a"), Axes([(0, 3, 1, 2)], [(0, 2, 1)], "b")
    both = last.then(first)
    assert both == Axes([None], [(0, 2, 1)], "b")
    assert last.then(Axes([None], [None])).inputs == [(0, 2, 3, 1)]


@pytest.mark.parametrize(
    "told",
    [
        "[",
        "[" * 9999,
        "[]",
        "\ud800",
        '{"inputs": [[0, 2, 3, 1]]}',
        '{"inputs": [[0, 2, 3, 1], null], "outputs": [null], "layout": null}',
        '{"inputs": [[0, 2, 3]], "outputs": [null], "layout": null}',
        '{"inputs": [[0, 2, 2, 1]], "outputs": [null], "layout": null}',
        '{"inputs": [[0, 2, 3, 1.0]], "outputs": [null], "layout": null}',
        '{"inputs": [["a"]], "outputs": [null], "layout": null}',
        '{"inputs": [null], "outputs": [null], "layout": 7}',
        7,
    ],
)
def test_what_no_file_of_ours_says_is_no_matter(told: object) -> None:
    assert axes_of(model(**{LAYOUT: told})) == Axes()
