"""Walks over a graph as drawing tools make them: names of nodes, leaves, and what was saved."""

import torch


def walk(node, seen, lines):
    if node is None or node in seen:
        return lines
    seen.add(node)
    kind = type(node).__name__
    lines.append((kind, tuple(node.variable.shape)) if hasattr(node, "variable") else kind)
    for before, _ in node.next_functions:
        walk(before, seen, lines)
    return lines


x = torch.tensor([1.0, 2.0], requires_grad=True)
w = torch.tensor([3.0, 4.0], requires_grad=True)
print(walk((x.exp() * w).sum().grad_fn, set(), []))
leaf = x.sin().grad_fn.next_functions[0][0]
print(type(leaf).__name__, leaf.name(), repr(leaf).split(" at ")[0], leaf.variable is x)
for node, names in [
    (x.exp().grad_fn, ["result"]),
    ((x * w).grad_fn, ["self", "other"]),
    ((x * 2).grad_fn, ["self"]),
    (x.pow(3).grad_fn, ["self", "exponent"]),
    (x.sin().grad_fn, ["self"]),
    (x.relu().grad_fn, ["result"]),
    (x.softmax(0).grad_fn, ["result"]),
    ((x / w).grad_fn, ["self", "other"]),
]:
    for name in names:
        value = getattr(node, f"_saved_{name}")
        print(node.name(), name, value.detach() if torch.is_tensor(value) else value)
    print([f"_saved_{name}" in dir(node) for name in names])
packed = []
with torch.autograd.graph.saved_tensors_hooks(lambda t: packed.append(t.shape) or t.numpy(), torch.from_numpy):
    y = x.detach().requires_grad_().exp()
print(packed, y.grad_fn._saved_result.detach())
loss = x.exp().sum()
loss.backward()
node = x.exp().grad_fn
node(torch.ones(2)) if callable(node) else None
y = x.exp()
y.sum().backward()
try:
    print(y.grad_fn._saved_result)
except RuntimeError as error:
    print(type(error).__name__)
tripled = x * 3
edge = torch.autograd.graph.get_gradient_edge(tripled)
print(len(edge), edge.output_nr, torch.autograd.grad((tripled * tripled).sum(), edge))
first, second = x.split(1)
edge = torch.autograd.graph.get_gradient_edge(second)
print(edge[1], torch.autograd.grad((first * second).sum(), [edge, x]), isinstance(edge, tuple))
print(torch.autograd.grad(first.sum() * 1, [torch.autograd.graph.get_gradient_edge(tripled), x], allow_unused=True))
