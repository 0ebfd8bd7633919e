"""Views, writes in place, hooks, `retain_grad`, Functions: one program a line, held against PyTorch."""

import pytest

reference = pytest.importorskip("torch")

import view_programs  # noqa: E402

import pedigrad  # noqa: E402


def told(line, torch):
    """What a program gives, as plain values; the type of its error."""
    statements, _, results = line.rpartition(" => ")
    names = view_programs.Names(torch)
    scope = {"torch": torch, **{n: getattr(names, n) for n in dir(names) if not n.startswith("_") and n != "torch"}}
    try:
        exec(statements, scope)
        return plain(eval(results, scope), torch)
    except (RuntimeError, IndexError, TypeError) as error:
        return type(error).__name__


def plain(value, torch):
    if isinstance(value, (tuple, list)):
        return [plain(each, torch) for each in value]
    if isinstance(value, torch.Tensor):
        numbers = [round(n, 9) if isinstance(n, float) else n for n in value.detach().reshape(-1).tolist()]
        return [tuple(value.shape), value.requires_grad, value.is_leaf, numbers]
    return value


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("section", "line"), view_programs.PROGRAMS, ids=lambda text: text[:60])
def test_program(section, line):
    expected, got = told(line, reference), told(line, pedigrad)
    assert got == expected, f"{section}\n{line.replace('; ', chr(10))}\npedigrad {got}\ntorch    {expected}"
