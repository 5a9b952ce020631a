"""Branches of which it is known which one is taken: exporters write one around every squeeze."""

from __future__ import annotations

from modelport.dialects.onnx.simplify.rules import rule
from modelport.dialects.onnx.simplify.scene import Scene
from modelport.dialects.onnx.types.table import DOMAIN
from modelport.model.graph import Node, inner_graphs


@rule("If")
def decided(scene: Scene, node: Node) -> bool:
    """Where the condition is known, the nodes of the branch that it chooses stand in its place."""
    condition = scene.array(node.inputs[0])
    if condition is None or condition.size != 1:
        return False
    wanted = node.attributes["then_branch" if condition.any() else "else_branch"]
    body = next((one for one in scene.bodies.get(node, ()) if one.graph is wanted), None)
    if body is None or not _can_stand(scene, node, body):
        return False
    new: dict[str, str] = {}
    for name, tensor in body.graph.tensors.items():
        new[name] = name if scene.owner(name) is None else scene.unique(name)
        scene.graph.tensors[new[name]] = tensor
        scene.facts[new[name]] = body.known(name)
    for inner in list(body.nodes()):
        inputs = [new.get(name, name) for name in inner.inputs]
        new[inner.outputs[0]] = scene.put(node, inner.op_type, inputs, **dict(inner.attributes))
    for place, value in enumerate(wanted.outputs):
        found = scene.put(node, "Identity", [new.get(value.name, value.name)])
        if scene.is_used(node.outputs[place]):
            scene.pass_on(node, found, place)
    return True


def _can_stand(scene: Scene, node: Node, body: Scene) -> bool:
    """Whether nodes of a body are plain calls of one result, and their results can be passed on."""
    used = [name for name in node.outputs if scene.is_used(name)]
    if len(used) > 1 and any(name in scene.pinned for name in used):
        return False
    if body.graph.sparse_tensors:
        return False
    return all(
        inner.domain == DOMAIN
        and not any(inner_graphs(inner.attributes))
        and not any(body.is_used(name) for name in inner.outputs[1:])
        for inner in body.nodes()
    )
