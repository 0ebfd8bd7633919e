"""What the documentation says is true: its examples run, its links lead somewhere."""

import builtins
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
DIFFERENCES = (ROOT / "docs" / "differences.md").read_text(encoding="utf-8")
MODULES = sorted(each.name for each in pkgutil.walk_packages([str(PACKAGE)], "pedigrad.") if not each.name.endswith("__main__"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_examples_of_a_page_run(page):
    text = page.read_text(encoding="utf-8").replace("```", "")
    examples = doctest.DocTestParser().get_doctest(text, {}, page.name, str(page), 0)
    assert doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(examples).failed == 0


# What examples may use: `float` and `range` are Python's all the same.
NAMES = {name: value for name, value in vars(pedigrad).items() if not hasattr(builtins, name)} | {"torch": pedigrad}


@pytest.mark.parametrize("name", ["pedigrad", *MODULES])
def test_examples_of_a_module_run(name):
    module = importlib.import_module(name)
    names = {**NAMES, **vars(module)}
    assert doctest.testmod(module, extraglobs=names, optionflags=doctest.ELLIPSIS).failed == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_of_a_page_lead_to_files(page):
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))
    assert [t for t in targets if "://" not in t and not (page.parent / t).exists()] == []


def found(library, name):
    """What a dotted name leads to, its modules imported on the way; None if there is nothing."""
    for part in name.split("."):
        try:
            library = getattr(library, part) if hasattr(library, part) else importlib.import_module(f"{library.__name__}.{part}")
        except (AttributeError, ImportError):
            return None
    return library


def test_what_is_said_not_to_be_there_is_not_there():
    section = DIFFERENCES.partition("## Not there")[2].partition("## Operators")[0]
    names = re.findall(r"`torch\.([\w.]+)`", section)
    assert len(names) > 2 and [name for name in names if found(pedigrad, name) is not None] == []


def test_operators_that_are_said_not_to_be_written_are_not_there():
    names = re.findall(r"^\| `([\w.]+)` \| not written yet \|$", DIFFERENCES, re.MULTILINE)
    assert [n for n in names if found(pedigrad, n) is not None or found(pedigrad.Tensor, n) is not None] == []


def test_the_readme_gives_the_two_commands():
    assert "pip install '.[demo]' && pedigrad demo\n" in README
    assert "pip install -e '.[test]' && pytest -n auto\n" in README


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
