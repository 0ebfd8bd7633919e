"""Programs on sparse matrices: made, joined, multiplied, summed, softmaxed, with gradients; and embeddings with sparse gradients.

Against PyTorch, in float64. Of sparse tensors the layout, the shape, the dtype and all elements are compared; in which order values lie
is left open.
"""

from __future__ import annotations

import random
import re

from fuzz import against, programs

KNOWN = {
    "backward": "gradients",
    "embeddings": "sparse gradients of tables",
    "writes": "writes in place",
}
SEEN = """def seen(t):
    t = t.detach()
    return [str(t.layout), tuple(t.shape), str(t.dtype), t.to_dense()]
def kept(grad, leaf):
    # where a sparse leaf keeps nothing, PyTorch may give a gradient that leads nowhere
    if grad is None or not leaf.is_sparse:
        return grad if grad is None else seen(grad)
    ones = torch.ones(leaf._nnz(), dtype=grad.dtype)
    return [str(grad.layout), grad.to_dense() * (torch.sparse_coo_tensor(leaf._indices(), ones, leaf.shape).to_dense() > 0)]"""

# What is done with a sparse matrix `x`, another `y` of its shape, a dense one `d` that it can be multiplied with, and one `e` of its shape.
# PyTorch has gradients for the first, and none for the others.
SMOOTH = (
    "-x",
    "x * {c}",
    "x / {c}",
    "{c} * x",
    "x + y",
    "x - y",
    "torch.add(x, y, alpha={c})",
    "x * x",
    "x * y",
    "x * e",
    "x.abs()",
    "x.relu()",
    "x ** 2",
    "x.clone()",
    "x.coalesce()",
    "x.t().t()",
    "x.transpose(0, 1).transpose(1, 0)",
    "x.to_sparse_csr().to_sparse()",
    "torch.sparse.softmax(x, {i})",
    "torch.sparse.log_softmax(x, {i}).neg()",
)
ROUGH = (
    "x.sin()",
    "x.sqrt()",
    "x.floor()",
    "x.sign()",
    "x.expm1()",
    "x.tanh()",
    "torch.nan_to_num(x)",
    "x.index_select({i}, torch.tensor({n}))",
    "torch.cat([x, y], {i}).narrow_copy({i}, 0, x.shape[{i}])",
    "torch.stack([x, y], {i}).select({i}, {i})",
    "x.narrow_copy(0, 0, x.shape[0])",
    "x.unsqueeze(1).select(1, 0)",
    "x.sparse_mask(y.coalesce())",
    "e.sparse_mask(x.coalesce())",
    "x.to_dense().to_sparse()",
    "x // {c}",
)
# Of these the gradient of `x` is sparse; of the others it is dense, which not all operations on sparse tensors take in PyTorch.
DENSE = (
    "torch.sparse.mm(x, d)",
    "torch.sparse.addmm({c} * d.sum() + torch.sparse.mm(x, d), x, d, alpha={c})",
    "x.to_dense()",
    "torch.sparse.sum(x)",
    "torch.sparse.sum(x, {i}).to_dense()",
    "x.coalesce().values()",
)
DENSE_GRADIENT = (
    "torch.mm(x, d)",
    "x @ d",
    "torch.spmm(x, d)",
    "torch.addmm(torch.ones(x.shape[0], d.shape[1], dtype=torch.float64), x, d, beta={c})",
    "torch.mv(x, d[:, 0])",
    "x.sum()",
    "e + x",
    "e - x",
    "x.to_sparse_csr() @ d",
    "d.t() @ x.t()",
    "torch.nn.functional.linear(x, d.t())",
    "x.to_dense(masked_grad=False)",
)
WRITES = (
    "x.mul_({c})",
    "x.add_(y)",
    "x.neg_()",
    "x.div_({c})",
    "x.sub_(y, alpha={c})",
    "x.copy_(y)",
    "x.zero_()",
)


def generate(seed: int, avoid: frozenset[str] = frozenset()) -> programs.Program:
    """The program of a seed."""
    return Case(programs.source(seed, "sparse"), avoid).program()


def compare(program: programs.Program) -> str | None:
    """How a run here differs from one on PyTorch. What PyTorch refuses alone, gradients mostly, is no difference."""
    text = against.against_torch(program)
    return None if text is not None and "raised nothing" in text else text


class Case:
    """One program while it is written."""

    def __init__(self, r: random.Random, avoid: frozenset[str]):
        self.r, self.avoid = r, avoid
        self.rows, self.columns, self.width = (r.randint(1, 5) for _ in range(3))
        self.statements = [SEEN]
        self.observed: list[str] = []
        self.leaves: list[str] = []
        self.made: list[str] = []  # sparse tensors as they were made
        self.count = 0

    def may(self, feature: str, share: float) -> bool:
        return feature not in self.avoid and self.r.random() < share

    def numbers(self, count: int) -> list[float]:
        return [round(self.r.uniform(-2, 2), 2) for _ in range(count)]

    def new(self, prefix: str) -> str:
        self.count += 1
        return f"{prefix}{self.count}"

    def matrix(self, rows: int, columns: int, needs: bool) -> str:
        name = self.new("d")
        text = f"torch.tensor({self.numbers(rows * columns)}, dtype=torch.float64).reshape({rows}, {columns})"
        self.statements.append(f"{name} = {text}{'.requires_grad_()' if needs else ''}")
        self.leaves += [name] if needs else []
        return name

    def sparse(self, needs: bool) -> str:
        """A new sparse matrix: a leaf, of values that need gradients, or of a dense one."""
        r, name = self.r, self.new("s")
        self.made.append(name)
        count = r.choice((0, 1, 2, 3, 5, 8))
        places = [[r.randrange(n) for _ in range(count)] for n in (self.rows, self.columns)]
        size = f"({self.rows}, {self.columns})"
        way = r.choice(("leaf", "values", "dense")) if needs else r.choice(("plain", "coalesced", "dense"))
        if way == "dense":
            dense = self.matrix(self.rows, self.columns, needs)
            self.statements.append(f"{name} = ({dense} * ({dense}.detach() > 0)).to_sparse()")
            return name
        values = f"torch.tensor({self.numbers(count)}, dtype=torch.float64)"
        if way == "values":
            leaf = self.new("v")
            self.statements.append(f"{leaf} = {values}.requires_grad_()")
            self.leaves.append(leaf)
            values = leaf
        text = f"torch.sparse_coo_tensor(torch.tensor({places}, dtype=torch.int64).reshape(2, {count}), {values}, {size})"
        if way == "leaf":
            text += ".coalesce().requires_grad_()" if r.random() < 0.5 else ".requires_grad_()"
            self.leaves.append(name)
        self.statements.append(f"{name} = {text}{'.coalesce()' if way == 'coalesced' else ''}")
        return name

    def filled(self, text: str, x: str, y: str, d: str, e: str) -> str:
        dim = self.r.choice((0, 1))
        size = (self.rows, self.columns)[dim]
        chosen = [self.r.randrange(size) for _ in range(size)]
        scope = {"x": x, "y": y, "d": d, "e": e}
        text = text.format(c=round(self.r.uniform(0.5, 2), 2), i=dim, n=chosen)
        return with_names(text, scope)

    def program(self) -> programs.Program:
        r = self.r
        needs = "backward" not in self.avoid and r.random() < 0.7
        x, y = self.sparse(needs), self.sparse(needs and r.random() < 0.4)
        d, e = self.matrix(self.columns, self.width, needs and r.random() < 0.6), self.matrix(self.rows, self.columns, False)
        for _ in range(r.choice((0, 1, 2, 3))):
            name = self.new("t")
            table = SMOOTH if needs else SMOOTH + ROUGH * 2
            if not needs and self.may("writes", 0.25):
                self.statements.append(f"{x} = {x}.clone()")
                self.statements.append(self.filled(r.choice(WRITES), x, y, d, e))
                continue
            self.statements.append(f"{name} = {self.filled(r.choice(table), x, y, d, e)}")
            self.statements.append(f"seen_{name} = seen({name})")
            self.observed.append(f"seen_{name}")
            x, y = (name, x) if r.random() < 0.7 else (name, y)
        outs = []
        for _ in range(r.choice((1, 2))):
            name = self.new("o")
            plain = x in self.made and y in self.made
            self.statements.append(f"{name} = {self.filled(r.choice(DENSE + DENSE_GRADIENT if plain or not needs else DENSE), x, y, d, e)}")
            self.observed.append(name)
            outs.append(name)
        if self.may("embeddings", 0.2):
            outs.append(self.embedding())
            needs = True
        if needs and self.leaves:
            self.statements.append(f"loss = {' + '.join(f'({o} * {o}).sum()' for o in outs)}")
            self.statements.append("if loss.requires_grad:\n    loss.backward()")
            for leaf in self.leaves:
                self.statements.append(f"grad_{leaf} = kept({leaf}.grad, {leaf})")
                self.observed.append(f"grad_{leaf}")
        return programs.Program(tuple(self.statements), tuple(self.observed))

    def embedding(self) -> str:
        r = self.r
        table, out = self.matrix(6, 2, True), self.new("o")
        index = [r.randrange(6) for _ in range(r.choice((1, 3, 4)))]
        more = r.choice(("", ", padding_idx=2"))
        self.statements.append(f"{out} = torch.nn.functional.embedding(torch.tensor({index}), {table}, sparse=True{more})")
        if r.random() < 0.3:
            self.statements.append(f"{out} = {out} + torch.nn.functional.embedding(torch.tensor({index[::-1]}), {table}, sparse=True)")
        return out


def with_names(text: str, scope: dict[str, str]) -> str:
    """An expression with other names for its variables."""
    return re.sub(r"(?<![\w.])([xyde])(?![\w(])", lambda match: scope[match[1]], text)
