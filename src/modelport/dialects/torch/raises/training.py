"""Steps of optimizers that stand in the graph."""

from __future__ import annotations

from modelport.dialects.torch.raises.activation import number
from modelport.dialects.torch.raises.call import Call, raises

DOMAIN = "ai.onnx.preview.training"

_ADAGRAD = '''
def _adagrad(rate, step, x, grad, total, decay, norm, epsilon):
    """A weight after a step of Adagrad, and its squared gradients so far."""
    grad = norm * x + grad
    total = total + grad * grad
    return x - rate / (1 + step * decay) * grad / (total.sqrt() + epsilon), total
'''
_ADAM = '''
def _adam(rate, step, x, grad, mean, square, alpha, beta, norm, norm_post, epsilon):
    """A weight after a step of Adam, and averages of gradients and of their squares."""
    grad = norm * x + grad
    mean = alpha * mean + (1 - alpha) * grad
    square = beta * square + (1 - beta) * grad * grad
    if step > 0:
        rate = rate * torch.sqrt(1 - beta**step) / (1 - alpha**step)
    return (1 - norm_post) * (x - rate * mean / (square.sqrt() + epsilon)), mean, square
'''
_MOMENTUM = '''
def _momentum(rate, step, x, grad, velocity, alpha, beta, norm, nesterov=False):
    """A weight after a step with momentum, and its velocity."""
    grad = norm * x + grad
    velocity = alpha * velocity + torch.where(step > 0, beta, 1.0) * grad
    return x - rate * (grad + alpha * velocity if nesterov else velocity), velocity
'''


def _steps(call: Call, helper: str, slots: int, *settings: str) -> list[str] | None:
    """One step for each weight; operands and results stand by kind, not by weight."""
    count = (len(call) - 2) // (2 + slots)
    refs = []
    for index in range(count):
        operands = [call[2 + index + kind * count] for kind in range(2 + slots)]
        text = ", ".join([call[0], call[1], *operands, *settings])
        made = [call.writer.ref() for _ in range(1 + slots)]
        call.writer.let(made, f"{call.helper(helper)}({text})")
        refs.append(made)
    return [str(made[kind]) for kind in range(1 + slots) for made in refs]


@raises("Adagrad", domain=DOMAIN)
def adagrad(call: Call) -> list[str] | None:
    """A step of Adagrad."""
    settings = [
        number(call, name, default)
        for name, default in (
            ("decay_factor", 0.0), ("norm_coefficient", 0.0), ("epsilon", 1e-6),
        )
    ]  # fmt: skip
    return _steps(call, _ADAGRAD, 1, *settings)


@raises("Adam", domain=DOMAIN)
def adam(call: Call) -> list[str] | None:
    """A step of Adam."""
    settings = [
        number(call, name, default)
        for name, default in (
            ("alpha", 0.9), ("beta", 0.999), ("norm_coefficient", 0.0),
            ("norm_coefficient_post", 0.0), ("epsilon", 1e-6),
        )
    ]  # fmt: skip
    return _steps(call, _ADAM, 2, *settings)


@raises("Momentum", domain=DOMAIN)
def momentum(call: Call) -> list[str] | None:
    """A step of gradient descent with momentum."""
    settings = [number(call, name, 0.0) for name in ("alpha", "beta", "norm_coefficient")]
    nesterov = ["nesterov=True"] if call.attribute("mode") == "nesterov" else []
    return _steps(call, _MOMENTUM, 1, *settings, *nesterov)
