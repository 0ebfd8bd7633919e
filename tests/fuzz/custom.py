"""Statements that declare custom autograd Functions and apply them."""

from __future__ import annotations

from fuzz.state import State


def function(s: State) -> None:
    """A custom autograd Function applied."""
    x = s.pick(lambda n: n.is_float and n.size < 60)
    if x is None:
        return
    kind = s.r.choice([k for k in FUNCTIONS if s.may("same") or k not in ("Same", "View")])
    if kind == "Dirty" and ((not s.may("C2") and x.storage.viewed) or x.storage.leaf or x.several or x.overlaps):
        kind = "Cube"
    if not any(t.startswith(f"class {kind}(") for t in s.statements) and s.block is None:
        s.emit(FUNCTIONS[kind])
    if not any(t.startswith(f"class {kind}(") for t in s.statements):
        return
    if kind == "Dirty":
        name = s.bind_shadow(f"{kind}.apply({x.text})", x.shadow, x.dtype, x.storage, "f")
        name.storage.needs = name.storage.needs or x.storage.needs
    elif kind == "Two":
        y = s.pick(lambda n: n.shape == x.shape and n.dtype == x.dtype)
        needs = x.storage.needs or y.storage.needs
        a, b = s.fresh("f"), s.fresh("f")
        s.emit(f"{a}, {b} = Two.apply({x.text}, {y.text})")
        for text in (a, b):
            name = s.bind(f"{text} * 1", x.shape, x.dtype, needs)
    elif kind == "Index":
        s.bind(f"Index.apply({x.text})[0]", x.shape, x.dtype, x.storage.needs)
    elif kind == "View":
        name = s.bind_shadow(f"View.apply({x.text})", x.shadow[None], x.dtype, x.storage, "f")
        name.storage.viewed = True
    else:
        s.bind(f"{kind}.apply({x.text})", x.shape, x.dtype, x.storage.needs)


FUNCTIONS = {
    "Cube": """class Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x * x
    @staticmethod
    def backward(ctx, g):
        x, = ctx.saved_tensors
        return g * 3 * x * x""",
    "Exp": """class Exp(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        out = x.exp()
        ctx.save_for_backward(out)
        return out
    @staticmethod
    def backward(ctx, g):
        out, = ctx.saved_tensors
        return g * out""",
    "Dirty": """class Dirty(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.mark_dirty(x)
        return x.mul_(3)
    @staticmethod
    def backward(ctx, g):
        return g * 3""",
    "Two": """class Two(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, y):
        ctx.save_for_backward(x, y)
        return x * y, x + y
    @staticmethod
    def backward(ctx, g, h):
        x, y = ctx.saved_tensors
        a = g * y + h if ctx.needs_input_grad[0] else None
        return a, g * x + h""",
    "Index": """class Index(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        i = x.argsort(dim=-1, stable=True) if x.dim() else x * 0
        ctx.mark_non_differentiable(i)
        return x * 2, i
    @staticmethod
    def backward(ctx, g, h):
        return g * 2 + h.sum() * 0""",
    "Setup": """class Setup(torch.autograd.Function):
    @staticmethod
    def forward(x):
        return x.sin()
    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(inputs[0])
        ctx.set_materialize_grads(False)
    @staticmethod
    def backward(ctx, g):
        x, = ctx.saved_tensors
        return None if g is None else g * x.cos()""",
    "Same": """class Same(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x
    @staticmethod
    def backward(ctx, g):
        return g * 2""",
    "View": """class View(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.unsqueeze(0)
    @staticmethod
    def backward(ctx, g):
        return g.squeeze(0) * 2""",
}
