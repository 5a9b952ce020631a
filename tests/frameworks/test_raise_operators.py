"""Operators that compute element by element, along axes or on matrices, by onnx's own tests."""

from __future__ import annotations

import re

import pytest
from tests.frameworks import raise_live

pytestmark = pytest.mark.filterwarnings("ignore")

OPERATORS = (
    # elementwise
    "Abs Acos Acosh Add And Asin Asinh Atan Atanh BitCast BitShift BitwiseAnd BitwiseNot "
    "BitwiseOr BitwiseXor Cast CastLike Ceil Clip Cos Cosh Div Equal Erf Exp Floor Greater "
    "GreaterOrEqual Identity IsInf IsNaN Less LessOrEqual Log Max Mean Min Mod Mul Neg Not Or "
    "Pow Reciprocal Round Sign Sin Sinh Sqrt Sub Sum Tan Where Xor "
    # activations
    "Celu Elu Gelu HardSigmoid HardSwish Hardmax LeakyRelu LogSoftmax Mish PRelu Relu Selu "
    "Shrink Sigmoid Softmax Softplus Softsign SwiGLU Swish Tanh ThresholdedRelu "
    # along axes
    "ArgMax ArgMin CumProd CumSum ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax "
    "ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare TopK Unique "
    # matrices, few bits, signals
    "Det Einsum Gemm MatMul ConvInteger DequantizeLinear DynamicQuantizeLinear MatMulInteger "
    "QLinearConv QLinearMatMul QuantizeLinear BlackmanWindow DFT HammingWindow HannWindow "
    "MelWeightMatrix STFT "
    # from shapes and numbers; losses; steps of training
    "ConstantOfShape EyeLike OneHot Range NegativeLogLikelihoodLoss SoftmaxCrossEntropyLoss "
    "Dropout Adagrad Adam Momentum"
).split()
BEYOND = re.compile(
    "_string|STRING|test_identity_sequence|test_identity_opt|training_dropout(?!_zero)"
)
"""Names of tests of what torch has not (text), of what is no tensor, and of random numbers."""


@pytest.mark.parametrize("operator", OPERATORS)
def test_node_tests(operator: str) -> None:
    cases = [case for case in raise_live.node_cases()[operator] if not BEYOND.search(case.name)]
    assert cases
    assert [text for case in cases for text in raise_live.failures(case)] == []
