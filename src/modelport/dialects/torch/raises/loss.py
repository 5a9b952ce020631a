"""Losses of classifiers."""

from __future__ import annotations

from modelport.dialects.torch.raises.call import Call, raises
from modelport.dialects.torch.raises.dtypes import to
from modelport.model.dtype import INT64


def _loss(call: Call, function: str) -> str:
    """A loss of scores (batch, classes, ...) and classes (batch, ...)."""
    labels = call[1] if call.dtype(1) is INT64 else to(call[1], INT64)
    settings = [call[0], labels]
    if call.has(2):
        settings.append(f"weight={call[2]}")
    ignored = call.attribute("ignore_index")
    if ignored is not None:
        settings.append(f"ignore_index={ignored}")
    reduction = call.attribute("reduction", "mean")
    if reduction != "mean":
        settings.append(f'reduction="{reduction}"')
    return f"{function}({', '.join(settings)})"


@raises("NegativeLogLikelihoodLoss")
def negative_log_likelihood(call: Call) -> str:
    """The negative logarithm at each class."""
    return _loss(call, "F.nll_loss")


@raises("SoftmaxCrossEntropyLoss")
def cross_entropy(call: Call) -> list[str]:
    """The same after a softmax, whose logarithms are the second result."""
    texts = [_loss(call, "F.cross_entropy")]
    if call.wanted(1):
        texts.append(f"F.log_softmax({call[0]}, dim=1)")
    return texts
