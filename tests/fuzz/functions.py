"""The programs of the family `compiled`: what is set up, the function, and the calls with what changes between them."""

from __future__ import annotations

import contextlib
import functools
import importlib
from typing import Any

import numpy as np

from fuzz import programs, templates
from fuzz.writing import Writer, layouts, shape_text

KNOWN = {
    "layouts": "tensors that are not laid out row by row",
    "windows": "unfold and as_strided",
    "inplace": "writes in place",
    "captured": "writes in place to what the function finds around itself",
    "backward": "backward and autograd.grad inside of the function",
    "outside": "backward and autograd.grad of what the function returned",
    "between": "gradients of one output with respect to another",
    "effects": "hooks, retain_grad and attributes",
    "modules": "modules and optimizers",
    "changes": "changes between calls",
    "aliases": "arguments that share memory",
}


@functools.cache
def library() -> Any:
    """pedigrad with two threads, whatever the environment says to PyTorch."""
    found = importlib.import_module("pedigrad")
    found.set_num_threads(2)
    return found


def generate(seed: int, avoid: frozenset[str] = frozenset()) -> programs.Program:
    """The program of a seed."""
    for attempt in range(20):
        with contextlib.suppress(RuntimeError):  # a view that must not be used any more was asked for its history
            made = Case(programs.source(seed, f"compiled {attempt}"), avoid).program()
            if made is not None:
                return made
    raise AssertionError(f"no program for seed {seed}")


class Case:
    """One program while it is written."""

    def __init__(self, random: Any, avoid: frozenset[str]):
        self.avoid = avoid
        self.w = Writer(random, library())
        self.arguments: list[str] = []
        self.shapes: list[tuple[int, ...]] = []
        self.captured: list[str] = []
        self.optimizer = False
        self.training = False
        self.returns: list[str] = []
        self.joined = False
        self.expressions: dict[str, str] = {}
        self.writes = random.random() < 0.5
        self.windows = random.random() < 0.3 and "windows" not in avoid
        self.effects = random.random() < 0.25
        self.flow = random.random() < 0.5

    def may(self, feature: str, share: float) -> bool:
        return self.w.chance(share) and feature not in self.avoid

    def program(self) -> programs.Program | None:
        """The program; None where it did not come together."""
        torch = self.w.library
        torch.manual_seed(0)
        try:
            self.set_up()
            text = self.function()
            if text is None:
                return None
            if not self.w.add(text):
                return None
            self.w.statements.append("f = torch.compile(f)")
            self.calls()
        except LookupError:
            return None
        finally:
            torch.set_grad_enabled(True)
            torch.set_default_dtype(torch.float32)
        return programs.Program(tuple(self.w.statements))

    # Around the function

    def shape(self) -> tuple[int, ...]:
        """A shape that goes with those before."""
        r = self.w.random
        n, m = self.sizes
        return r.choice([(n, m)] * 5 + [(m,)] * 2 + [(n, 1), (1, m), (m, n), (m, m), (n, n), (n,), (2, n, m), ()])

    def tensor(self, shape: tuple[int, ...]) -> str:
        """An expression for a tensor of a shape, in any layout."""
        if "layouts" in self.avoid:
            return f"torch.randn({', '.join(map(str, shape)) or '()'})"
        table = layouts(shape, self.w.random.randrange(1000))
        if not self.windows:
            table = [each for each in table if "as_strided" not in each[1] and "unfold" not in each[1]]
        return self.w.choose(table)

    def set_up(self) -> None:
        w, r = self.w, self.w.random
        self.sizes = r.randint(1, 4), r.randint(2, 4)
        n, m = self.sizes
        if w.chance(0.65):
            w.add("torch.set_default_dtype(torch.float64)")
        w.add(f"torch.manual_seed({r.randrange(100)})")
        for _ in range(r.randint(1, 3)):
            name = w.fresh("c")
            w.add(f"{name} = {self.tensor(self.shape())}")
        if self.may("windows", 0.12):
            w.add(f"base = np.arange({n * (m + 2)}.).reshape({n}, {m + 2}) / {n * (m + 2)}")
            w.add(f"c8 = torch.from_numpy(base[:, :{m}])")
            w.add("c9 = torch.from_numpy(base[:, 2:])")
        if w.chance(0.4):
            name = w.fresh("w")
            w.add(f"{name} = {w.choose([(3, 'nn.Parameter({})'), (2, '({}).requires_grad_()')]).format(self.tensor(self.shape()))}")
        if w.chance(0.35):
            views = [t for t in templates.VIEWS if self.windows or not templates.is_window(t)]
            for _ in range(r.randint(1, 2)):
                base = w.pick(w.tensors(lambda t: t.ndim > 0 and not t.requires_grad) or w.tensors())
                name = w.fresh("v")
                text = w.one_of(lambda name=name, base=base: f"{name} = {templates.fill(w, w.choose(views), {'E': base})}")
                if text:
                    w.statements.append(text)
        if w.chance(0.3):
            w.add(f"i1 = torch.tensor({[r.randrange(min(n, m)) for _ in range(n)]})")
        if self.may("modules", 0.4):
            self.modules()
        if w.chance(0.2):
            w.add("count = [0]")
        if w.chance(0.15):
            w.add(f"scale = {r.choice([0.5, 2, 1.5])}")
        self.captured = w.tensors()

    def modules(self) -> None:
        w, r = self.w, self.w.random
        n, m = self.sizes
        text = w.one_of(lambda: "net = " + w.choose(templates.MODULES).replace("M", str(m)).replace("N", str(n)))
        if text is None:
            return
        w.statements.append(text)
        if r.random() < 0.3 and hasattr(w.space["net"], "weight") and w.space["net"].weight is not None and "layouts" not in self.avoid:
            w.add("net.weight = nn.Parameter(net.weight.detach().t() * 1.)" if w.space["net"].weight.ndim == 2 else "net.train()")
        if list(w.space["net"].parameters()) and r.random() < 0.7:
            more = [f"[{name}]" for name in w.tensors(lambda t: t.requires_grad and t.is_leaf)]
            chosen = r.choice([*more, ""])
            options = w.choose(templates.OPTIMIZERS)
            self.optimizer = w.add(f"opt = torch.optim.{options.format(' + '.join(['list(net.parameters())', *filter(None, [chosen])]))}")
            if self.optimizer and w.chance(0.3):
                w.add("sched = torch.optim.lr_scheduler." + w.choose(templates.SCHEDULERS))

    # The function

    def function(self) -> str | None:
        w, r = self.w, self.w.random
        self.arguments = ["x", "y", "z"][: r.choice([0, 1, 1, 2, 2, 2, 3])]
        for name in self.arguments:
            shape = self.shape()
            self.shapes.append(shape)
            expression = self.tensor(shape)
            if w.chance(0.35):
                expression = f"({expression}).requires_grad_()"
                if w.chance(0.15):
                    expression += " * 1.0"
            if not w.add(f"{name} = {expression}"):
                return None
            self.expressions[name] = expression
        if w.chance(0.1):
            w.add(f"k = {r.choice([1, 2, 0.5])}")
            self.arguments.append("k")
        outer = set(w.space)
        lines: list[str] = []
        for _ in range(r.choice([1, 2, 2, 3, 3, 4, 5, 6, 8])):
            line = w.one_of(lambda: self.line(outer))
            if line is not None:
                lines.append(line)
        if self.may("backward", 0.25) or (self.optimizer and w.chance(0.8)):
            lines += self.train(outer)
        returned = self.result(outer)
        body = [text for line in [*lines, f"return {returned}"] for text in line.split("\n")]
        # what the function binds is no longer there
        for name in set(w.space) - outer:
            del w.space[name]
        head = []
        if any("scale =" in line or "scale +=" in line for line in lines):
            head = ["global scale"]
        return f"def f({', '.join(self.arguments)}):\n    " + "\n    ".join([*head, *body])

    def line(self, outer: set[str]) -> str:
        """A candidate for a line of the function."""
        w = self.w
        locals_ = [name for name in w.space if name not in outer]
        floats = w.tensors(lambda t: t.dtype.is_floating_point)
        weights = [(6, "value"), (2 * self.writes, "write"), (1.5, "view"), (0.8 * self.effects, "effect"), (self.flow, "flow")]
        kind = w.choose([each for each in weights if {"write": "inplace", "effect": "effects"}.get(each[1]) not in self.avoid])
        name = w.fresh("h")
        if kind == "view":
            table = [t for t in templates.VIEWS if self.windows or not templates.is_window(t)]
            return f"{name} = {templates.fill(w, w.choose(table), {}, floats)}"
        if kind == "write":
            table = [t for t in templates.WRITES if self.windows or not templates.is_window(t)]
            targets = [n for n in floats if n in locals_] if "captured" in self.avoid else floats
            plain = [n for n in targets if not (w.space[n].requires_grad and w.space[n].is_leaf)]
            if plain and w.chance(0.8):
                return templates.fill(w, w.choose(table), {"T": w.pick(plain)}, floats)
            if not targets:
                raise LookupError
            return "with torch.no_grad():\n    " + templates.fill(w, w.choose(table), {"T": w.pick(targets)}, floats)
        if kind == "effect":
            return templates.fill(w, w.choose(templates.EFFECTS), {}, floats)
        if kind == "flow":
            return templates.fill(w, w.choose(templates.FLOW), {"h": name}, floats)
        return f"{name} = {templates.expression(w, floats)}"

    def loss(self, needs: bool = True) -> str:
        """A number that needs a gradient."""
        w = self.w
        names = w.tensors(lambda t: t.dtype.is_floating_point and (t.requires_grad or not needs))
        if not names:
            raise LookupError
        parts = [
            w.choose(["({}).sum()", "({} ** 2).mean()", "{}.sin().sum()", "({} * {}).sum()", "{}.pow(2).sum()"]).replace(
                "{}", w.pick(names)
            )
            for _ in range(w.choose([1, 1, 2]))
        ]
        return " + ".join(parts)

    def train(self, outer: set[str]) -> list[str]:
        """Lines that go backward and take a step."""
        w = self.w
        lines: list[str] = []

        def add(text: str) -> bool:
            if w.works(text):
                lines.append(text)
                return True
            return False

        if self.optimizer and "net" in w.space:
            inputs = w.tensors(lambda t: t.dtype.is_floating_point)
            line = w.one_of(lambda: f"o = net({w.pick(inputs)})" if inputs else "o = torch.zeros(())", 12)
            if line:
                lines.append(line)
        try:
            loss = w.one_of(lambda: f"loss = {self.loss()}")
        except LookupError:
            return lines
        if loss is None:
            return lines
        lines.append(loss)
        if self.optimizer and w.chance(0.6):
            add(w.choose(["opt.zero_grad()", "opt.zero_grad(set_to_none=True)", "opt.zero_grad()"]))
        if self.optimizer or w.chance(0.6):
            add("loss.backward()") and self.training
        else:
            wanted = w.tensors(lambda t: t.requires_grad)
            graph = w.choose(["", "", ", create_graph=True", ", retain_graph=True"])
            add(f"g, = torch.autograd.grad(loss, [{w.pick(wanted)}]{graph}, allow_unused=True)")
        if self.optimizer:
            if w.chance(0.3):
                add(w.choose(["nn.utils.clip_grad_norm_(net.parameters(), 0.5)", "nn.utils.clip_grad_value_(net.parameters(), 0.1)"]))
            if w.chance(0.85):
                add("opt.step()")
            if "sched" in w.space and w.chance(0.5):
                add("sched.step()")
        return lines

    def result(self, outer: set[str]) -> str:
        """What the function returns; `returns` has the expressions of its tensors from `r` on."""
        w, r = self.w, self.w.random
        floats = w.tensors(lambda t: True)
        around = [w.space[n].detach() for n in w.tensors(among=outer)]
        inner = [n for n in floats if n not in outer and not shares(w.space[n], around)]
        if not floats or w.chance(0.06):
            return "None"

        def one() -> str:
            smooth = w.tensors(lambda t: t.dtype.is_floating_point)
            if w.chance(0.06):
                return templates.fill(w, w.choose(templates.VIEWS), {}, smooth) if w.chance(0.5) else w.pick(floats)
            if not inner or w.chance(0.2):
                return templates.expression(w, smooth)
            if w.chance(0.15):
                return templates.fill(w, w.choose(templates.VIEWS), {}, [n for n in inner if n in smooth] or smooth)
            return w.pick(inner)

        items = []
        history = [n for n in inner if w.space[n].requires_grad and not w.space[n].is_leaf]
        self.joined = bool(history) and "between" not in self.avoid and w.chance(0.3)
        if self.joined:
            name = w.pick(history)
            items = [name, f"({templates.fill(w, w.choose(templates.ELEMENTWISE), {'E': name}, [name])}).sum()"]
        views = [n for n in inner if w.space[n]._is_view() and w.space[n].requires_grad]
        if views and w.chance(0.4):
            items.append(w.pick(views))
        items = [text for text in items if isinstance(w.value(text), w.library.Tensor)]
        for _ in range(r.choice([1, 2, 2, 3, 4]) - len(items)):
            text = one()
            if isinstance(w.value(text), w.library.Tensor):
                items.append(text)
        if not items:
            return "None"
        form = (
            w.choose(["tuple"] * 6 + ["list", "dict"] * 2 + ["nested", "nested", (0.3, "number")])
            if len(items) > 1 or w.chance(0.2)
            else "one"
        )
        if form == "one":
            self.returns = ["r"]
            return items[0]
        if form == "dict":
            self.returns = [f"r['{chr(97 + i)}']" for i in range(len(items))]
            return "{" + ", ".join(f"'{chr(97 + i)}': {text}" for i, text in enumerate(items)) + "}"
        if form == "nested":
            self.returns = [f"r[0][{i}]" for i in range(len(items))]
            return f"([{', '.join(items)}], None, {{'a': 1.5}})"
        if form == "number":
            self.returns = [f"r[{i}]" for i in range(len(items))]
            return f"({', '.join(items)}, float({items[0]}.sum().detach()), None)"
        self.returns = [f"r[{i}]" for i in range(len(items))]
        return f"[{', '.join(items)}]" if form == "list" else f"({', '.join(items)},)"

    # The calls

    def calls(self) -> None:
        """A few calls with other values, then changes with a few calls after each."""
        w, r = self.w, self.w.random
        tail = w.chance(0.2)
        call = f"r = f({', '.join(self.arguments)})"
        after = self.after_call()
        for number in range(r.choice([1, 2, 2, 3, 4])):
            if number and "changes" not in self.avoid:
                self.change()
            for i in range(r.choice([4, 5]) if number == 0 else r.choice([1, 2, 3, 3])):
                if number or i:
                    self.values(number + i)
                if not w.add(self.call(call)):
                    if number + i < 2:
                        raise LookupError
                    continue
                for text in after if w.chance(0.85) else self.after_call():
                    w.add(text)
        if tail:
            for _ in range(10):
                if not w.works(call):
                    break
                w.statements.append(call)

    def call(self, call: str) -> str:
        w = self.w
        tensors = [n for n in self.arguments if n != "k"]
        if len(tensors) > 1 and self.may("aliases", 0.08):
            other = w.choose([f"{tensors[0]}", f"{tensors[0]}.t()", f"{tensors[0]}[:1]", f"{tensors[0]}.detach()"])
            return call.replace(f"{tensors[0]}, {tensors[1]}", f"{tensors[0]}, {other}")
        return call

    def values(self, number: int) -> None:
        """Other values in the arguments, in the same layouts or, seldom, in others."""
        w = self.w
        for name in self.arguments:
            if name == "k" or w.chance(0.25):
                continue
            value, way = w.space[name], w.random.random()
            if value.requires_grad and not value.is_leaf:
                w.add(f"{name} = {self.expressions[name]}")
                continue
            if value.requires_grad and w.chance(0.3):
                w.add(f"{name}.grad = None")
            if way < 0.45:
                text = w.choose([f"{name}.mul_(0.5)", f"{name}.add_({number})", f"{name}.neg_()", f"{name}[..., 0] = {number}"])
                w.add(f"with torch.no_grad():\n    {text}" if value.requires_grad else text)
            elif way < 0.85:
                w.add(f"{name} = {self.expressions[name]}")
            elif value.requires_grad:
                w.add(f"{name} = ({name} * 0.5 + {number}).detach().requires_grad_()")
            else:
                w.add(f"{name} = {w.choose([f'{name} * 0.5 + {number}', f'-{name} + 0.25', f'{name}.clone()'])}")

    def change(self) -> None:
        """A change of what the function depends on."""
        w, r = self.w, self.w.random
        names = [name for name in self.arguments if name != "k"]
        kind = r.choice(["shape", "layout", "grad"]) if names and w.chance(0.4) else "around"
        if kind == "around":
            captured = [n for n in self.captured if n in w.space]
            floats = w.tensors(lambda t: t.dtype.is_floating_point)
            text = w.one_of(lambda: templates.fill(w, w.choose(templates.CHANGES), {"T": w.pick(captured)}, floats), 6)
            if text:
                w.statements.append(text)
            return
        for name in names if kind == "shape" else [r.choice(names)]:
            shape = self.shapes[self.arguments.index(name)]
            if kind == "shape":
                shape = self.shapes[self.arguments.index(name)] = tuple(n + 1 if n == self.sizes[0] else n for n in shape)
            needs = w.space[name].requires_grad != (kind == "grad")
            expression = self.tensor(shape)
            if needs:
                expression = f"({expression}).requires_grad_()"
            if w.add(f"{name} = {expression}"):
                self.expressions[name] = expression

    def after_call(self) -> list[str]:
        """What is done with the result of a call."""
        w = self.w
        needing = [text for text in self.returns if getattr(w.value(text), "requires_grad", True)]
        if not needing or "outside" in self.avoid:
            return []
        found = []
        first = w.random.choice(needing)
        if len(needing) > 1 and self.may("between", 0.6 if self.joined else 0.1):
            b, a = self.returns[:2] if self.joined else w.random.sample(needing, 2)
            found.append(f"g = torch.autograd.grad({a}.sum(), {b}, retain_graph=True, allow_unused=True)")
        if w.chance(0.12):
            found.append(
                w.choose(
                    [
                        f"{first}.retain_grad()",
                        f"{first}.mul_(2)",
                        f"{first}[..., :1] *= 3",
                        f"v0 = {first}.t()",
                        f"{first}.register_hook(lambda g: g * 2)",
                    ]
                )
            )
        kind = w.choose([(5, "sum"), (2, "given"), (1, "grad"), (1, "all"), (1, "none")])
        if kind == "sum":
            found.append(f"({first} * {first}).sum().backward()" if w.chance(0.4) else f"{first}.sum().backward()")
        elif kind == "given":
            other = w.choose(
                [
                    "torch.randn_like({})",
                    "torch.ones_like({}).cumsum(-1)",
                    "torch.full_like({}[..., :1], 2.).expand_as({})",
                    "torch.randn({}.shape[::-1]).permute(*range({}.ndim)[::-1])",
                    "torch.tensor(1.5).expand_as({})",
                ]
            )
            found.append(f"{first}.backward({other.replace('{}', first)})")
        elif kind == "all":
            found.append(f"({' + '.join(f'{text}.sum()' for text in needing)}).backward()")
        elif kind == "grad":
            leaves = w.tensors(lambda t: t.requires_grad and t.is_leaf)
            if leaves:
                found.append(f"g = torch.autograd.grad({first}.sum(), {w.pick(leaves)}, allow_unused=True)")
        return found


def shares(tensor: Any, others: list[Any]) -> bool:
    """Whether a tensor lies in the memory of one of the others."""
    return any(np.may_share_memory(tensor.detach().numpy(), other.numpy()) for other in others)


__all__ = ["KNOWN", "generate", "library", "shape_text"]
