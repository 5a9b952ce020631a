"""Interpolation matrices: values worked out by hand from the kernels' definitions."""

from __future__ import annotations

import numpy as np
import pytest

from modelport.dialects.onnx.resize import INTERPOLATIONS, weights


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_every_row_adds_up_to_one(interpolation):
    for extent, size in ((1, 3), (4, 8), (5, 20)):
        matrix = weights(extent, size, interpolation)
        assert matrix.shape == (size, extent)
        np.testing.assert_allclose(matrix.sum(1), 1)


def test_bilinear_weights():
    expected = [[1, 0, 0], [3 / 4, 1 / 4, 0], [1 / 4, 3 / 4, 0], [0, 3 / 4, 1 / 4]]
    np.testing.assert_allclose(weights(3, 6, "bilinear")[:4], expected)


def test_bicubic_weights():
    # Keys' kernel with a = -1/2 at distances 1.25, 0.25, 0.75 and 1.75.
    row = weights(6, 12, "bicubic")[5]
    expected = [0, -0.0703125, 0.8671875, 0.2265625, -0.0234375, 0]
    np.testing.assert_allclose(np.sort(row), np.sort(expected), atol=1e-12)
