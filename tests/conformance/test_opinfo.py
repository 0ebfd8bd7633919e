"""pedigrad against PyTorch on the samples of PyTorch's own op tests (`op_db`).

`supported_ops.txt` names the entries that must pass; every other entry is in docs/differences.md with the reason why it is
left out. `pytest -k name` runs any entry, listed or not; scripts/opinfo_report.py runs all of them and keeps both lists.
"""

import pytest

torch = pytest.importorskip("torch")

import agreement  # noqa: E402
import opinfo_list  # noqa: E402


def pytest_generate_tests(metafunc):
    if "name" not in metafunc.fixturenames:
        return
    config = metafunc.config
    everything = config.option.keyword or config.option.opinfo_all
    names = opinfo_list.entries() if everything else opinfo_list.supported()
    if "dtype" in metafunc.fixturenames:
        cases = [(n, d) for n in names for d in agreement.dtypes_of(opinfo_list.entries()[n]) if d not in lacking(n)]
        metafunc.parametrize("name, dtype", cases, ids=[f"{n}-{d}" for n, d in cases])
    else:
        names = [n for n in names if opinfo_list.entries()[n].error_inputs_func is not None and "errors" not in lacking(n)]
        metafunc.parametrize("name", names)


def lacking(name):
    return opinfo_list.supported().get(name, frozenset())


def test_agrees(name, dtype, request):
    entry = opinfo_list.entries()[name]
    count = request.config.option.opinfo_samples
    found = [f for f in agreement.failures(entry, dtype, count, lacking(name)) if f.kind != "untested"]
    assert not found, "\n".join(map(str, found))


def test_refuses(name):
    found = agreement.error_failures(opinfo_list.entries()[name])
    assert not found, "\n".join(map(str, found))


def test_every_entry_is_accounted_for():
    names, passing, left_out = set(opinfo_list.entries()), set(opinfo_list.supported()), set(opinfo_list.left_out())
    assert not passing & left_out, f"both supported and left out: {sorted(passing & left_out)}"
    assert not (passing | left_out) - names, f"not in op_db: {sorted((passing | left_out) - names)}"
    missing = names - passing - left_out
    assert not missing, f"neither in supported_ops.txt nor in docs/differences.md: {sorted(missing)}"


def test_the_list_is_sorted():
    lines = [line.split()[0] for line in opinfo_list.SUPPORTED.read_text().splitlines() if line and line[0] != "#"]
    assert lines == sorted(set(lines))
