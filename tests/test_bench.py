"""The workloads of bench/ build and run, compiled as they are; their costs; the tables that scripts/bench_report writes."""

import json
import pathlib
import subprocess
import sys

import pytest

pytest.importorskip("llvmlite")

import pedigrad as torch
from pedigrad.capture import agreement

ROOT = pathlib.Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "bench"))

import figures  # noqa: E402
import workloads  # noqa: E402
from workloads import WORKLOADS  # noqa: E402


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_workload_gives_the_same_losses_compiled(name, monkeypatch):
    monkeypatch.setattr(agreement, "MODE", "off")  # programs are not proven first: what is wrong of them is seen here
    usual, compiled = (workloads.build(torch, name, compiled, **WORKLOADS[name].small) for compiled in (False, True))
    expected = [usual() for _ in range(4)]
    found = [compiled() for _ in range(4)]
    assert found == pytest.approx(expected, rel=1e-4)
    assert all(loss == loss for loss in expected)


def test_every_workload_has_its_kind_and_a_title_of_one_line():
    assert {each.kind for each in WORKLOADS.values()} == {"training", "inference"}
    assert [name for name, each in WORKLOADS.items() if not each.title or "\n" in each.title or each.title == name] == []


def test_the_share_of_the_limit_is_that_of_what_binds():
    result = figures.Result(seconds=[0.5, 1.0, 0.25])
    machine = {"flops": 1e9, "bandwidth": 1e8}
    assert figures.share(result, (25 * 10**7, 0), machine) == "50 %"
    assert figures.share(result, (25 * 10**7, 40 * 10**6), machine) == "80 %"
    assert figures.share(result, (10**6, 0), machine) == "0.2 %"
    assert figures.share(result, (0, 0), machine) == figures.share(figures.Result(error="error: it failed"), (10**9, 0), machine) == ""


def measured(loss, *seconds):
    return {"loss": loss, "first": 0.25, "count": 3, "seconds": list(seconds), "error": None}


ABSENT = {"loss": None, "first": None, "count": 0, "seconds": [], "error": "error: NotImplementedError: b is not written for JAX"}
REFUSED = {**ABSENT, "error": "error: RuntimeError: a | b"}
RUN = {
    "program": "run", "date": "2026-01-02", "processor": "A Processor", "threads": 2, "rounds": 3, "python": "3.11.1", "busy": 0.031,
    "versions": {"pedigrad-compile": "0.1.0", "pedigrad": "0.1.0", "torch": "2.13.0", "torch-compile": "2.13.0", "jax": "0.10"},
    "machine": {"flops": 2e11, "bandwidth": 3e10, "vector_bits": 512},
    "workloads": {
        "a": {"title": "The first one", "kind": "training", "flops": 10**8, "bytes": 0, "results": {
            "pedigrad-compile": measured(1.0, 0.001, 0.001, 0.001), "pedigrad": measured(1.0, 0.002, 0.002, 0.002),
            "torch": measured(1.0, 0.003, 0.002, 0.0021), "torch-compile": measured(1.0, 0.0009, 0.0011, 0.001),
            "jax": measured(1.0, 0.03, 0.03, 0.03)}},
        "b": {"title": "The second one", "kind": "training", "flops": 0, "bytes": 0, "results": {
            "pedigrad-compile": measured(1.5, 0.004, 0.005, 0.006), "pedigrad": measured(1.5, 1.0, 1.0, 1.0),
            "torch": measured(1.25, 0.003, 0.004, 0.005), "torch-compile": REFUSED, "jax": ABSENT}},
    },
}  # fmt: skip
TABLE = """
| workload | pedigrad, compiled | of the limit | / PyTorch | / torch.compile | / jax.jit of the step | pedigrad | of the limit | / PyTorch |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
| `a` The first one | 1 ms | 50 % | **2.1** | 1.00 | **30** | 2 ms | 25 % | 1.05 |
| `b` The second one | 5 ms |  | 0.80 |  |  | 1 s |  | 0.00 |

The losses and results agree with PyTorch's to 1e-05 on all of these but `b` (2e-01).
"""


def report(*arguments):
    return subprocess.run([sys.executable, str(ROOT / "scripts" / "bench_report"), *map(str, arguments)], capture_output=True, text=True)


def marked(name, inside=""):
    return f"<!-- bench:{name}:begin: written by scripts/bench_report -->\n{inside}<!-- bench:{name}:end -->\n"


def test_tables_are_written_from_a_run_between_their_marks(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "run.json").write_text(json.dumps(RUN))
    readme, page = tmp_path / "README.md", tmp_path / "docs" / "bench.md"
    kept = marked("kernel", "kept\n")
    readme.write_text("before\n" + marked("training", "old\n") + "between\n" + kept + marked("training machine") + "after\n")
    page.write_text(marked("training in full"))
    arguments = tmp_path / "run.json", "--pages", tmp_path
    assert report(*arguments, "--check").returncode == 1 and "old" in readme.read_text()
    assert report(*arguments).returncode == 0
    assert report(*arguments, "--check").returncode == 0
    text = readme.read_text()
    assert text.startswith("before\n" + marked("training", TABLE[1:]) + "between\n" + kept) and text.endswith("after\n")
    assert "A Processor, 2 threads, Python 3.11.1, pedigrad 0.1.0, PyTorch 2.13.0, JAX 0.10; 2026-01-02, 3 rounds" in text
    assert "200 GFLOP/s in float32, vectors of 512 bits, and 30.0 GB/s" in text and "took 3 % of the processors" in text
    assert "| `a` | PyTorch | 2.1 ms | 24 % | **2.1** | 2.00..3.00 | 250 ms | 1 |  |" in page.read_text()
    assert "| `b` | torch.compile | RuntimeError: a \\| b |" in page.read_text() and "not written for JAX" not in page.read_text()


def test_the_tables_in_the_docs_are_those_of_the_stored_runs():
    done = report("--check")
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_run_py_keeps_is_what_the_report_reads(tmp_path):
    path = tmp_path / "run.json"
    command = [
        sys.executable,
        str(ROOT / "bench" / "run.py"),
        "--against",
        "pedigrad",
        "--rounds",
        "1",
        "--seconds",
        "0.001",
        "--threads",
        "1",
    ]
    done = subprocess.run([*command, "--json", str(path), "chain", "mlp_64"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    run = json.loads(path.read_text())
    assert set(run) == set(RUN) and run["machine"]["flops"] > run["machine"]["bandwidth"] > 0
    assert run["workloads"]["mlp_64"]["flops"] == 2 * 32 * 64 * 64 * (3 + 3 + 2)  # three layers and their gradients, but that of the data
    assert len(run["workloads"]["chain"]["results"]["pedigrad"]["seconds"]) == 1
