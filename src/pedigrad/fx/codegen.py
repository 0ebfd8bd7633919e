"""The Python code of a graph: names for values, and a line for each node."""

from __future__ import annotations

import builtins
import keyword
import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from .node import Node, in_brackets, map_arg, public_name, type_text

INFIX = {
    "add": "{} + {}", "sub": "{} - {}", "mul": "{} * {}", "floordiv": "{} // {}", "truediv": "{} / {}", "mod": "{} % {}",
    "lshift": "{} << {}", "rshift": "{} >> {}", "and_": "{} & {}", "or_": "{} | {}", "xor": "{} ^ {}", "pow": "{} ** {}",
    "matmul": "{} @ {}", "eq": "{} == {}", "ne": "{} != {}", "lt": "{} < {}", "gt": "{} > {}", "le": "{} <= {}", "ge": "{} >= {}",
    "getitem": "{}[{}]", "pos": "+{}", "neg": "-{}", "invert": "~{}",
}  # fmt: skip
OURS = frozenset(("inf", "nan", "NoneType", "torch", "device", "fx_pytree", "pytree"))  # what generated code may mean by these


def snake_case(text: str) -> str:
    """`LayerNorm` as `layer_norm`."""
    return re.sub(r"(?<!^)(?<![A-Z_.])(?=[A-Z])", "_", text).lower() if text[:1].isupper() or not text.isupper() else text.lower()


class Names:
    """The names of a graph's values: none twice, none that Python or generated code means something by."""

    def __init__(self) -> None:
        self.used: set[str] = set()
        self.counts: dict[str, int] = defaultdict(int)

    def new(self, wanted: str) -> str:
        """The name that is wanted, or that with the first number with which it is free."""
        wanted = re.sub(r"[^0-9a-zA-Z_]+", "_", wanted) or "_unnamed"
        if wanted[0].isdigit():
            wanted = f"_{wanted}"
        base, name, number = wanted, wanted, 0
        if found := re.fullmatch(r"(.*)_(\d+)", wanted):
            base, number = found[1], int(found[2])
        else:
            number = self.counts[base]
            name = f"{base}_{number}" if number else base
        while name in self.used or keyword.iskeyword(name) or name in vars(builtins) or name in OURS:
            number += 1
            name = f"{base}_{number}"
        self.used.add(name)
        self.counts[base] = number
        return name


@dataclass
class PythonCode:
    """The source of a graph's forward, and the global names that it uses."""

    src: str
    globals: dict[str, Any]
    _lineno_map: dict[int, int | None] | None = None
    _prologue_start: int = 0
    fn_args: list[str] = field(default_factory=list)


def attribute_text(root: str, path: str) -> str:
    """`self.layers.0` as an expression."""
    text = root
    for part in path.split("."):
        text = f"{text}.{part}" if part.isidentifier() and not keyword.iskeyword(part) else f'getattr({text}, "{part}")'
    return text


class Writer:
    """Writes the code of one graph."""

    def __init__(self, root: str, package: Any):
        self.root = root
        self.globals: dict[str, Any] = {"torch": package, "device": package.device, "inf": float("inf"), "nan": float("nan")}

    def known_as(self, hint: str, thing: Any) -> str:
        """The global name of a thing; a new one for what is not reached from `torch`."""
        name = re.sub(r"\W", "_", hint)
        number = 0
        while name in self.globals and self.globals[name] is not thing:
            number += 1
            name = f"{re.sub(chr(92) + 'W', '_', hint)}_{number}"
        self.globals[name] = thing
        return name

    def function(self, target: Any) -> str:
        """A function as an expression."""
        module, name = public_name(target)
        if module == "builtins" and hasattr(builtins, name):
            return name
        if module.partition(".")[0] == "torch":
            found = self.globals["torch"]
            for part in [*module.split(".")[1:], *name.split(".")]:
                found = getattr(found, part, None)
            if found is target:
                return f"{module}.{name}"
        return self.known_as(f"{'_' if module == 'operator' else ''}{module}_{name}", target)

    def value(self, value: Any) -> str:
        """An argument as an expression."""
        if isinstance(value, Node):
            return value.name
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return f"{self.known_as(type(value).__name__, type(value))}({', '.join(map(self.value, value))})"
        if text := in_brackets(value, self.value, repr):
            return text
        if value is None or value is Ellipsis or isinstance(value, (bool, int, float, complex, str, bytes)):
            return repr(value) if value is not Ellipsis else "Ellipsis"
        if isinstance(value, range):
            return repr(value)
        if isinstance(value, self.globals["device"]) or re.fullmatch(r"torch\.\w+", repr(value)):
            return repr(value)
        if callable(value) and hasattr(value, "__name__"):
            return self.function(value)
        return self.known_as(type(value).__name__.lower(), value)

    def call(self, node: Node, function: str, args: Any) -> str:
        given = [self.value(a) for a in args] + [f"{name} = {self.value(a)}" for name, a in node.kwargs.items()]
        return f"{function}({', '.join(given)})"

    def expression(self, node: Node) -> str:
        """What a node is given by, as an expression."""
        target: Any = node.target
        if node.op == "get_attr":
            return attribute_text(self.root, target)
        if node.op == "call_module":
            return self.call(node, attribute_text(self.root, target), node.args)
        if node.op == "call_method":
            return self.call(node, f"{self.value(node.args[0])}.{target}", node.args[1:])
        module, name = public_name(target)
        if module == "operator" and name in INFIX and not node.kwargs:
            return INFIX[name].format(*map(self.value, node.args))
        if target is getattr and len(node.args) == 2 and isinstance(node.args[1], str) and node.args[1].isidentifier():
            return f"{self.value(node.args[0])}.{node.args[1]}"
        return self.call(node, self.function(target), node.args)


def last_uses(nodes: list[Node]) -> dict[Node, list[Node]]:
    """For each node the values that are read there for the last time."""
    seen: set[Node] = set()
    found: dict[Node, list[Node]] = {}
    for user in reversed(nodes):

        def last(node: Node, user: Node = user) -> Node:
            if node not in seen:
                seen.add(node)
                found.setdefault(user, []).append(node)
            return node

        map_arg(user.args, last)
        map_arg(user.kwargs, last)
    return found


class CodeGen:
    """What writes a graph's Python code; values are let go where they are read for the last time."""

    def process_inputs(self, *args: Any) -> Any:
        """What the placeholders are given when an Interpreter runs the graph."""
        return args

    def process_outputs(self, outputs: Any) -> Any:
        """What an Interpreter returns for what the output is given."""
        return outputs

    def generated(self, nodes: list[Node], root_module: str, package: Any) -> PythonCode:
        """The function `forward`."""
        writer = Writer(root_module, package)
        arguments, lines, returned = [], [], ""
        wrapped: dict[str, None] = {}
        lasts = last_uses(nodes)
        for node in nodes:
            if node.op == "placeholder":
                raw = str(node.target)
                typed = f" : {type_text(node.type)}" if node.type is not None else ""
                arguments.append(f"{raw}{typed}{' = ' + writer.value(node.args[0]) if node.args else ''}")
                if raw.lstrip("*") != node.name:
                    lines.append(f"    {node.name} = {raw.lstrip('*')}")
            elif node.op == "output":
                returned = f" -> {type_text(node.type)}" if node.type is not None else ""
                lines.append(f"    return {writer.value(node.args[0])}")
            else:
                gone = [each.name for each in lasts.get(node, [])] + ([] if node.users else [node.name])
                if node.op == "call_function" and node.meta.get("is_wrapped"):
                    wrapped[writer.function(node.target)] = None
                lines.append(f"    {node.name} = {writer.expression(node)}" + (f";  {' = '.join([*gone, 'None'])}" if gone else ""))
        first = ", ".join([root_module, *arguments])
        wraps = "\n".join(f'torch.fx._symbolic_trace.wrap("{name}")' for name in wrapped)
        source = f"\n{wraps}\n\ndef forward({first}){returned}:\n" + "\n".join(lines or ["    pass"]) + "\n    "
        return PythonCode(source, writer.globals, fn_args=arguments)
