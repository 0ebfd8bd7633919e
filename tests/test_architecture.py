"""The package's structure: imports run downwards, files are short, names are in order."""

import ast
import functools
import importlib
import pathlib
import subprocess
import sys

import pytest

import pedigrad

ROOT = pathlib.Path(pedigrad.__file__).parent
FILES = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in sorted(ROOT.rglob("*.py"))}

DOCUMENT = pathlib.Path(__file__).parents[1] / "docs" / "architecture.md"


def floors():
    """The floors of docs/architecture.md, lowest first: modules, and folders with a slash."""
    block = DOCUMENT.read_text().partition("<!-- floors:begin -->")[2].partition("<!-- floors:end -->")[0]
    return [line.split()[0].rstrip("/") for line in block.splitlines() if line[:1].isalpha() or line[:1] == "_"]


STUBS = {"core.methods"}  # not imported but by type checkers: generated from what is above

FLOOR = {name: i for i, name in enumerate(floors())}


def top(module):
    """The part of a module's name that its floor goes by."""
    return module.split(".")[0]


@functools.cache
def parsed(module):
    return ast.parse(FILES[module].read_text(), str(FILES[module]))


def resolved(module, node):
    """The pedigrad modules that an import statement names."""
    if isinstance(node, ast.Import):
        return [a.name.removeprefix("pedigrad.") for a in node.names if a.name.split(".")[0] == "pedigrad"]
    if node.level == 0:
        return [node.module.removeprefix("pedigrad.")] if node.module.split(".")[0] == "pedigrad" else []
    package = module.split(".")[: -node.level]
    base = ".".join(package + ([node.module] if node.module else []))
    inner = [f"{base}.{alias.name}".lstrip(".") for alias in node.names]
    found = [name for name in inner if name in FILES or f"{name}.__init__" in FILES]
    return found or [base]


def late(module, node):
    """The pedigrad module that a call names which imports it when it is first needed."""
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if not name.endswith(("import_module", "_module")) or not node.args or not isinstance(node.args[0], ast.Constant):
        return []
    text = str(node.args[0].value)
    dots = len(text) - len(text.lstrip("."))
    return [".".join([*module.split(".")[:-dots], text[dots:]])] if dots else []


@functools.cache
def imports(module):
    """The pedigrad modules that a module imports: when it is run, for types, or by name when they are first needed."""
    found = set()
    for node in ast.walk(parsed(module)):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            found |= set(resolved(module, node))
        elif isinstance(node, ast.Call):
            found |= set(late(module, node))
    found -= STUBS
    return {name if name in FILES else f"{name}.__init__" if name else "__init__" for name in found}


@pytest.mark.parametrize("module", FILES)
def test_every_module_has_a_floor(module):
    assert top(module) in FLOOR, f"say in the floors of docs/architecture.md where {module} belongs"


def is_inner(node):
    """Whether a call imports a module of its own package, as `import_module(f"{package}.{name}")` does."""
    given = node.args[0]
    first = given.values[0] if isinstance(given, ast.JoinedStr) else None
    own = isinstance(first, ast.FormattedValue) and ast.unparse(first.value) in ("package", "__name__", "__package__")
    return own and isinstance(given.values[1], ast.Constant) and str(given.values[1].value).startswith(".")


# Names that are known only when the program runs, and why no floor can be asked for.
NAMED_BY_OTHERS = {
    "doctor.names": "names of PyTorch's that the checked program has written",
    "ops.__init__": "its own modules, as walk_packages finds them",
    "nn.__init__": "the modules of ao.nn by the names that torch.nn had for them",
    "alias.finder": "the module that the program imports as torch's",
    "_utils": "a name of PyTorch's that a library gives",
    "eager.native": "the name is given by functions of that module, which are found as late imports",
    "core.process": "the module of a kind of device, a name that the program gives",
    "serialization.names": "names that stand in files",
    "utils.__init__": "what the program calls progress() of, which the package has loaded",
}


@pytest.mark.parametrize("module", FILES)
def test_late_imports_say_what_they_import(module):
    """An import by a name that is made up hides from the test above: it is one of the package's own files, or a listed one."""
    calls = [node for node in ast.walk(parsed(module)) if isinstance(node, ast.Call) and node.args]
    named = [node for node in calls if ast.unparse(node.func).endswith("import_module")]
    hidden = [
        f"line {node.lineno}: {ast.unparse(node)}"
        for node in named
        if not late(module, node) and not is_inner(node) and ast.unparse(node.args[0]) != "'tqdm'"
    ]
    assert bool(hidden) == (module in NAMED_BY_OTHERS), hidden or f"{module} is listed without need"


def test_floors_are_modules():
    assert not set(FLOOR) - {top(module) for module in FILES}


@pytest.mark.parametrize("module", FILES)
def test_imports_run_downwards(module):
    here = FLOOR.get(top(module), len(FLOOR))
    wrong = sorted(name for name in imports(module) if FLOOR.get(top(name), -1) > here)
    assert not wrong, f"{module} imports {wrong}, which are above it"


def test_imports_make_no_circle():
    graph = {module: imports(module) - {module} for module in FILES}
    done, active = set(), []

    def visit(module):
        assert module not in active, " -> ".join([*active[active.index(module) :], module])
        if module in done:
            return
        active.append(module)
        for other in graph.get(module, ()):
            if other != "__init__" and not (other.endswith(".__init__") and module.startswith(other.removesuffix("__init__"))):
                visit(other)
        done.add(active.pop())

    for module in graph:
        visit(module)


@pytest.mark.parametrize("module", FILES)
def test_functions_import_only_what_is_not_ours(module):
    tree = parsed(module)
    functions = [n for n in ast.walk(tree) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))]
    inner = {n for f in functions for n in ast.walk(f) if isinstance(n, (ast.Import, ast.ImportFrom))}
    wrong = [f"line {n.lineno}: {ast.unparse(n)}" for n in inner if resolved(module, n) or getattr(n, "level", 0)]
    assert not wrong, wrong


@pytest.mark.parametrize("module", FILES)
def test_files_say_what_they_are(module):
    assert ast.get_docstring(parsed(module)), f"{module} has no docstring"


def test_names_of_modules():
    parts = {part for module in FILES for part in module.split(".")}
    assert {part for part in parts if "torch" in part} <= {"_functorch"}  # PyTorch's own path; other libraries look for it in type names
    assert not parts & {"utils_", "helpers", "helper", "common", "misc", "impl", "_impl"}
    paths = {
        "distributions.utils",
        "_dynamo.utils",
        "optim.swa_utils",
        "_utils",
        "distributed.utils",
        "distributed.tensor._utils",
        "distributed.checkpoint.format_utils",
        "distributed.fsdp._runtime_utils",
    }  # PyTorch's own
    assert not [module for module in FILES if module.endswith("utils") and module not in paths]


def test_import_loads_nothing_heavy():
    code = "import sys, pedigrad; print(*sorted({m.split('.')[0] for m in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    heavy = {"scipy", "llvmlite", "ml_dtypes", "torch", "matplotlib", "sklearn", "pandas", "jax"}
    assert not heavy & set(loaded)


@pytest.mark.parametrize("module", FILES)
def test_all_names_what_is_there(module):
    names = [n for n in parsed(module).body if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == "__all__"]
    if not names or module == "__main__":
        return
    loaded = importlib.import_module("pedigrad." + module.removesuffix(".__init__"))
    listed = list(loaded.__all__)
    assert len(listed) == len(set(listed)), "a name is there twice"
    missing = [name for name in listed if not hasattr(loaded, name)]
    assert not missing, f"__all__ of {module} names {missing}"


def test_public_functions_are_documented():
    undocumented = []
    for place, functions in pedigrad.core.declare.PLACES.items():
        for name, function in functions.items():
            if not name.startswith("_") and callable(function) and not function.__doc__:
                undocumented.append(f"{place}.{name}")
    assert not undocumented, sorted(undocumented)


def test_places_are_reachable():
    for name, function in pedigrad.core.declare.PLACES["torch"].items():
        assert getattr(pedigrad, name) is function, f"pedigrad.{name} is something else than the op published there"
    for name in pedigrad.core.declare.PLACES["Tensor"]:
        assert hasattr(pedigrad.Tensor, name)
