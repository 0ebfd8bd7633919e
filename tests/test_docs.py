"""What the documentation says is true: its examples run, its links lead somewhere, its list of modules is the code's."""

import ast
import doctest
import importlib
import pathlib
import pkgutil
import re
import subprocess
import sys

import pytest

import pedigrad

ROOT = pathlib.Path(__file__).parents[1]
PACKAGE = pathlib.Path(pedigrad.__file__).parent
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")] + sorted((ROOT / "docs").glob("*.md"))
README = (ROOT / "README.md").read_text(encoding="utf-8")
TEXT = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
LISTED = re.search(r"<!-- floors:begin -->\n```\n(.*?)```", TEXT, re.DOTALL).group(1)
FLOORS = [line.split()[0].rstrip("/") for line in LISTED.splitlines()]
MODULES = sorted(each.name for each in pkgutil.walk_packages([str(PACKAGE)], "pedigrad.") if not each.name.endswith("__main__"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_examples_of_a_page_run(page):
    text = page.read_text(encoding="utf-8").replace("```", "")
    examples = doctest.DocTestParser().get_doctest(text, {}, page.name, str(page), 0)
    assert doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(examples).failed == 0


@pytest.mark.parametrize("name", ["pedigrad", *MODULES])
def test_examples_of_a_module_run(name):
    module = importlib.import_module(name)
    names = {**vars(pedigrad), "torch": pedigrad, **vars(module)}
    assert doctest.testmod(module, extraglobs=names, optionflags=doctest.ELLIPSIS).failed == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_of_a_page_lead_to_files(page):
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))
    assert [t for t in targets if "://" not in t and not (page.parent / t).exists()] == []


def test_the_readme_gives_the_two_commands():
    assert "pip install . && pedigrad demo\n" in README
    assert "pip install -e '.[test]' && pytest\n" in README


def block(after):
    """The fenced block that follows a line of the README."""
    return re.search(rf"{re.escape(after)}\n+```\w*\n(.*?)```", README, re.DOTALL).group(1)


def test_the_readme_tour_prints_what_it_says(tmp_path):
    (tmp_path / "tour.py").write_text(block("<!-- tour -->"), encoding="utf-8")
    command = [sys.executable, "-X", "utf8", "-m", "pedigrad", "run", "tour.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, encoding="utf-8", timeout=300)
    assert done.stdout == block("<!-- tour output -->"), done.stderr


def test_the_readme_operation_works(tmp_path):
    test = """
import pedigrad as torch
x = torch.tensor([0.5, -2.0], dtype=torch.float64, requires_grad=True)
assert torch.autograd.gradcheck(softsign2, x) and torch.autograd.gradgradcheck(softsign2, x)
assert torch.equal(x.softsign2(), softsign2(x)) and x.detach().clone().softsign2_().norm() < 2
assert softsign2(torch.arange(3)).dtype is torch.float32
"""
    (tmp_path / "operation.py").write_text(block("## Write an operation") + test, encoding="utf-8")
    subprocess.run([sys.executable, "operation.py"], cwd=tmp_path, check=True, timeout=300)


def floor_of(path):
    """The line of the list that a source file, or an imported name, belongs to."""
    return pathlib.PurePath(path).parts[0].removesuffix(".py")


def test_every_module_has_its_floor():
    there = {floor_of(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py")}
    assert len(FLOORS) == len(set(FLOORS))
    assert sorted(there) == sorted(FLOORS), "the list in docs/architecture.md is not the code's"


def imported(path):
    """(floor, line, whether inside a function) of each import of our own modules in a source file, type checking aside."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = path.relative_to(PACKAGE).parts[:-1]
    aside = {id(n) for b in ast.walk(tree) if isinstance(b, ast.If) and "TYPE_CHECKING" in ast.dump(b.test) for n in ast.walk(b)}
    functions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
    inside = {id(n) for f in ast.walk(tree) if isinstance(f, functions) for n in ast.walk(f)}
    for node in ast.walk(tree):
        if id(node) in aside:
            continue
        names = []
        if isinstance(node, ast.Import):
            names = [a.name.split(".")[1:] for a in node.names if a.name.split(".")[0] == "pedigrad"]
        elif isinstance(node, ast.ImportFrom) and (node.level or (node.module or "").split(".")[0] == "pedigrad"):
            module = (node.module or "").split(".") if node.module else []
            base = [*package[: len(package) + 1 - node.level], *module] if node.level else module[1:]
            names = [[*base, a.name] for a in node.names]
        for name in names:
            floor = name[0] if name and name[0] in FLOORS else "__init__"
            yield floor, node.lineno, id(node) in inside


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_run_downwards(path):
    own = floor_of(path.relative_to(PACKAGE))
    below = FLOORS[: FLOORS.index(own)] if own in FLOORS else FLOORS
    for floor, line, inside in imported(path):
        assert floor in (own, *below), f"{path}:{line} imports {floor}, which the list has after {own}"
        assert not inside, f"{path}:{line}: an import of our own inside a function hides its direction"
