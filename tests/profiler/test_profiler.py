"""Profiles say which operations ran, how often, for how long, and at which line."""

import gzip
import json
import subprocess
import sys

import pytest

import pedigrad as torch
from pedigrad import memory
from pedigrad.profiler import ProfilerAction, ProfilerActivity, profile, record_function, schedule
from pedigrad.profiler.spent import Spent, Table


def work():
    x = torch.ones(4, 4, requires_grad=True)
    with record_function("my part"):
        y = (x @ x).exp()
    y.sum().backward()
    return x.grad


def test_operations_are_counted_and_timed():
    with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as found:
        work()
    sums = {e.key: e for e in found.key_averages()}
    assert sums["aten::exp"].count == sums["my part"].count == 1 and sums["my part"].is_user_annotation
    assert sums["autograd::engine::evaluate_function: ExpBackward0"].count == 1
    assert 0 < sums["aten::exp"].self_cpu_time_total <= sums["my part"].cpu_time_total
    assert any((4, 4) in e.input_shapes for e in found.key_averages(group_by_input_shape=True))
    text = found.key_averages().table(sort_by="cpu_time_total", row_limit=5)
    assert "Self CPU time total" in text and "aten::" in text and len(text.splitlines()) == 10
    with pytest.raises(AttributeError, match="no column"):
        found.table(sort_by="nonsense")


def test_forward_and_backward_of_a_line_are_together():
    x = torch.ones(3, requires_grad=True)
    with profile() as found:
        y = x.sin()
        y.sum().backward()
    (line,) = (e for e in found.by_line() if "y = x.sin()" in e.key)
    assert line.count == 2


def test_results_and_gradients_are_the_same():
    with profile():
        observed = work()
    assert torch.equal(observed, work())


def test_schedules():
    plan = schedule(skip_first=1, wait=1, warmup=1, active=2, repeat=2)
    names = [plan(i).name for i in range(11)]
    cycle = ["NONE", "WARMUP", "RECORD", "RECORD_AND_SAVE"]
    assert names == ["NONE", *cycle, *cycle, "NONE", "NONE"]
    ready = []
    with profile(schedule=schedule(wait=1, warmup=0, active=1, repeat=2), on_trace_ready=lambda p: ready.append(len(p.events()))) as p:
        for _ in range(6):
            torch.ones(2).exp()
            p.step()
    assert len(ready) == 2 and all(ready) and p.current_action is ProfilerAction.NONE


def test_traces_are_written(tmp_path):
    with profile() as found:
        work()
    found.export_chrome_trace(str(tmp_path / "trace.json.gz"))
    with gzip.open(tmp_path / "trace.json.gz", "rt") as file:
        events = json.load(file)["traceEvents"]
    assert {"aten::exp", "my part"} <= {e["name"] for e in events} and all(e["dur"] >= 0 for e in events)
    found.export_stacks(str(tmp_path / "stacks.txt"))
    assert any(line.startswith("my part;aten::exp ") for line in (tmp_path / "stacks.txt").read_text().splitlines())


def test_the_older_names():
    with torch.autograd.profiler.profile(enabled=False) as off:
        work()
    with torch.autograd.profiler.profile() as on:
        work()
    assert not off.function_events and on.self_cpu_time_total > 0 and "aten::exp" in on.key_averages().table()


def test_nothing_is_left_on():
    from pedigrad.core import modes

    before = modes.special
    with pytest.raises(ZeroDivisionError), profile():
        1 / 0  # noqa: B018
    assert modes.special == before and modes.settings.profiler is None


def test_lines_and_modules_have_forward_and_backward_together():
    model = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Tanh())
    with profile() as found:
        y = model(torch.ones(2, 3))
        y.sum().backward()
    lines = {row.what.partition(": ")[2]: row for row in found.lines()}
    assert lines["y = model(torch.ones(2, 3))"].forward > 0 < lines["y = model(torch.ones(2, 3))"].backward
    modules = {row.what: row for row in found.modules()}
    assert modules["0 (Linear)"].forward > 0 < modules["0 (Linear)"].backward
    assert modules["outside of modules"].operations == 2 + len(list(model.parameters()))  # sum and its gradient, and those that arrive
    assert "backward" in str(found.modules()) and len(found.modules()) == 3


def test_steps_of_a_gradient_rule_belong_to_the_line_of_its_operation():
    """The gradients of a convolution are operations of their own, which the line that calls backward() does not run."""
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU())
    x = torch.ones(2, 3, 8, 8, requires_grad=True)
    with profile(profile_memory=True) as found:
        y = model(x)
        y.sum().backward()
    steps = [event for event in found.events().all() if event.name in ("aten::conv_input_grad", "aten::conv_weight_grad")]
    assert len(steps) == 2 and {event.kind for event in steps} == {"backward"}
    assert {str(event.scope) for event in steps} == {"0 (Conv2d)"} and {event.origin.text for event in steps} == {"y = model(x)"}
    (line,) = (row for row in found.lines() if row.what.endswith("y.sum().backward()"))
    assert line.operations == 5  # sum and its gradient, and the three gradients that arrive
    assert found.memory().of(memory.GRADIENTS) >= x.numel() * 4


def test_operations_of_a_users_own_gradient_belong_to_its_lines():
    class Double(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

    x = torch.ones(3, requires_grad=True)
    with profile() as found:
        Double.apply(x).sum().backward()
    assert [event.origin.text for event in found.events().all() if event.name == "aten::mul"] == ["return x * 2", "return g * 2"]


def test_optimizers_clipping_and_loading_are_in_the_profile():
    model = torch.nn.Linear(16, 16)
    opt = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    data = torch.utils.data.TensorDataset(torch.ones(8, 16))
    with profile() as found:
        for (x,) in torch.utils.data.DataLoader(data, 4):
            opt.zero_grad()
            model(x).sum().backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            torch.nn.utils.clip_grad_value_(model.parameters(), 0.5)
            opt.step()
    lines = {row.what.rpartition("py:")[2].partition(": ")[2]: row for row in found.lines()}
    for line in ("opt.zero_grad()", "opt.step()", "torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)"):
        assert lines[line].forward > 0 == lines[line].backward, line
    assert lines["torch.nn.utils.clip_grad_value_(model.parameters(), 0.5)"].operations == 2
    assert lines["model(x).sum().backward()"].backward > 0
    sums = {e.key: e for e in found.key_averages()}
    for name in ("Optimizer.step#SGD.step", "Optimizer.zero_grad#SGD.zero_grad", "clip_grad_norm_"):
        assert sums[name].count == 2 and sums[name].is_user_annotation, name
    loading = sums["enumerate(DataLoader)#_SingleProcessDataLoaderIter.__next__"]
    assert loading.count == 3 and loading.self_cpu_time_total > 0
    assert sums["autograd::engine::evaluate_function: torch::autograd::AccumulateGrad"].count == 4


def test_columns_of_times_are_as_wide_as_what_is_in_them():
    table = Table([Spent("a", 1.5, 0.002, 3), Spent("b", 2e-6, 0.0, 1)], "line", 1.502002)
    head, *rows = str(table).splitlines()
    assert rows == [
        "1,502,000.0 us  100.0%  1,500,000.0 us  2,000.0 us  a",
        "        2.0 us    0.0%          2.0 us      0.0 us  b",
    ] and [head.index("line")] == [row.index(what) for row, what in zip(rows, "a", strict=False)]


def test_an_event_says_what_it_is():
    with profile() as found:
        torch.ones(2).exp()
    said = repr(found.events()[-1])
    assert said.startswith("<Event aten::exp ") and said.endswith("torch.ones(2).exp()>"), said


def test_buffers_and_frozen_parameters_are_told_from_other_tensors():
    before = memory.snapshot()
    layer = torch.nn.BatchNorm1d(1000).requires_grad_(False)
    found = memory.snapshot() - before
    assert found.of(memory.PARAMETERS) == 8000 and found.of(memory.BUFFERS) == 8008 and found.of(memory.TENSORS) == 0
    assert "buffers" in str(found) and layer.training


class Doubled(torch.utils.data.Dataset):
    def __len__(self):
        return 6

    def __getitem__(self, i):
        return {"x": torch.ones(1000) * 2, "i": i}


def test_loading_goes_in_a_profile_the_way_that_it_goes_without_one():
    whole = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.ones(40, 250)), 20, shuffle=True)
    with profile(profile_memory=True) as found:
        batches = list(whole)
    loading = {e.key: e for e in found.key_averages()}["enumerate(DataLoader)#_SingleProcessDataLoaderIter.__next__"]
    assert loading.count == 3 and loading.self_cpu_time_total == loading.cpu_time_total  # no sample is taken by itself
    assert found.memory().total == sum(x.nbytes for (x,) in batches) == loading.cpu_memory_usage
    with profile(profile_memory=True) as found:
        batches = list(torch.utils.data.DataLoader(Doubled(), 3))
    sums = {e.key: e for e in found.key_averages()}
    assert sums["aten::mul"].count == 6 and "aten::stack" not in sums
    held = {holder.line.partition(": ")[2]: each for holder, each in found.memory().held.items()}
    assert held["batches = list(torch.utils.data.DataLoader(Doubled(), 3))"].nbytes == sum(b["x"].nbytes + b["i"].nbytes for b in batches)


def test_what_a_closure_runs_is_within_its_step():
    w = torch.ones(4, requires_grad=True)
    opt = torch.optim.SGD([w], lr=0.1)

    def closure():
        loss = w.exp().sum()
        loss.backward()
        return loss

    with profile() as found:
        opt.step(closure)
    (step,) = (event for event in found.events().all() if event.parent is None)
    assert step.name == "Optimizer.step#SGD.step" and {"aten::exp", "aten::sum"} < {event.name for event in step.children}
    assert step.own == step.total - sum(event.total for event in step.children)


def test_sums_of_gradients_are_at_the_line_of_their_operation():
    b = torch.ones(4, requires_grad=True)
    with profile() as found:
        shifted = torch.ones(8, 4) + b
        (shifted.sin() * shifted.cos()).sum().backward()
    sums = [(event.name, event.kind, event.origin.text) for event in found.events().all() if event.name in ("aten::sum", "aten::add")]
    assert ("aten::sum", "backward", "shifted = torch.ones(8, 4) + b") in sums
    assert sum(name == "aten::add" and kind == "backward" for name, kind, _ in sums) == 1


def test_flame_graphs_add_up(tmp_path):
    model = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Tanh())
    with profile() as found:
        model(torch.ones(2, 3)).sum().backward()
    found.export_speedscope(tmp_path / "profile.json")
    data = json.loads((tmp_path / "profile.json").read_text())
    (sampled,) = data["profiles"]
    own = sum(event.own for event in found.events().all())
    assert sum(sampled["weights"]) == sampled["endValue"] == own
    names = [[data["shared"]["frames"][i]["name"] for i in stack] for stack in sampled["samples"]]
    assert next(stack for stack in names if stack[-1] == "tanh")[:2] == ["Sequential", "1 (Tanh)"]
    assert next(stack for stack in names if stack[-1] == "TanhBackward0 (backward)")[:2] == ["Sequential", "1 (Tanh)"]
    text = found.html(tmp_path / "page.html")
    tree = json.loads(text.partition('id="data">')[2].partition("</script>")[0])["tree"]
    assert tree["time"] == own and sum(inner["time"] for inner in tree["inside"]) == own
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == text


PROGRAM = """import torch
x = torch.ones(3, requires_grad=True)
x.sin().sum().backward()
raise SystemExit(3)
"""


@pytest.mark.parametrize(
    ("name", "begin"), [("p.html", "<!doctype html>"), ("p.json", '{"schemaVersion"'), ("p.speedscope.json", '{"$schema"')]
)
def test_a_program_is_profiled_from_the_command_line(tmp_path, name, begin):
    (tmp_path / "program.py").write_text(PROGRAM)
    command = [sys.executable, "-m", "pedigrad", "run", "--profile", name, "program.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 3, done.stderr
    assert "program.py:3: x.sin().sum().backward()" in done.stdout and done.stdout.endswith(f"{name}\n")
    assert (tmp_path / name).read_text().startswith(begin)


def training_step(kept):
    model = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.Tanh())
    loss = model(torch.ones(32, 64)).exp().sum()  # the forward line
    loss.backward()
    kept.append(torch.ones(1000) * 2)  # what is left behind


def test_memory_at_the_peak_is_told_by_line_and_module():
    with profile(profile_memory=True) as found:
        model = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.Tanh())
        y = model(torch.ones(32, 64))
        z = y.exp()
        w = z.exp()
        del z, w
    table = found.memory()
    rows = [(holder.what, holder.module, held.nbytes) for holder, held in table.held.items()]
    assert (memory.SAVED, "1 (Tanh)", 32 * 64 * 4) in rows and rows.count((memory.SAVED, "", 32 * 64 * 4)) == 2
    assert any("y = model(torch.ones(32, 64))" in holder.line for holder in table.held)
    assert str(table).startswith("at the peak, ") and "1 (Tanh)" in str(table)
    assert found.memory().total <= sum(event.memory for event in found.events().all())


def test_memory_that_is_gone_is_not_counted_at_the_peak():
    with profile(profile_memory=True) as found:
        for _ in range(5):
            torch.ones(1000).exp()
    assert 4000 <= found.memory().total <= 8000
    with profile() as unobserved:
        torch.ones(1000).exp()
    assert found.leaks().total == unobserved.memory().total == 0


def test_gradients_are_counted_until_they_go():
    w = torch.ones(1000, requires_grad=True)
    with profile(profile_memory=True) as found:
        (w * w).sum().backward()
        w.grad = None
        held = found.observer.alive.now
    assert found.memory().of(memory.GRADIENTS) >= 4000 and held < 4000


def test_what_each_step_leaves_behind_is_told_by_line():
    kept = []
    with profile(profile_memory=True) as found:
        for _ in range(4):
            training_step(kept)
            found.step()
    (holder,) = found.leaks().held
    assert "# what is left behind" in holder.line and found.leaks().held[holder].nbytes == 4000
    assert "left behind by each step: +4 kB" in str(found.leaks())


def test_leaks_of_a_function_are_told_by_line():
    kept = []
    found = memory.leaks(lambda: kept.append((torch.ones(1000, requires_grad=True) * 2).exp()))
    assert any("kept.append((torch.ones(1000" in holder.line for holder in found.held) and found.total >= 4000
    assert memory.leaks(lambda: torch.ones(1000) * 2).total == 0


def test_a_peak_of_a_block_is_told_by_line():
    with memory.peak() as found:
        training_step([])
    assert found.total > 64 * 64 * 4 and "gradients" in str(found) and "# the forward line" in str(found)


def test_a_peak_is_told_of_a_block_that_ends_early():
    with pytest.raises(ZeroDivisionError), memory.peak() as found:
        kept = torch.ones(1000) * 2
        kept[0] / (1 // 0)
    assert found.total >= 4000


def test_memory_is_in_the_files(tmp_path):
    with profile(profile_memory=True) as found:
        training_step([])
    found.export_speedscope(tmp_path / "profile.json")
    times, held = json.loads((tmp_path / "profile.json").read_text())["profiles"]
    assert times["unit"] == "nanoseconds" and held["unit"] == "bytes" and held["endValue"] == found.memory().total
    found.export_chrome_trace(str(tmp_path / "trace.json"))
    counts = [e["args"]["alive"] for e in json.loads((tmp_path / "trace.json").read_text())["traceEvents"] if e["ph"] == "C"]
    assert max(counts) == found.memory().total
    data = json.loads(found.html().partition('id="data">')[2].partition("</script>")[0])["memory"]
    assert data["total"] == found.memory().total == sum(row[0] for row in data["rows"])
    assert "Self CPU Mem" in found.key_averages().table(sort_by="self_cpu_memory_usage")


def compiled_model():
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.Tanh(), torch.nn.Linear(16, 2))
    compiled = torch.compile(model)
    for _ in range(4):
        compiled(torch.ones(4, 8)).sum().backward()  # where it was recorded
    return model, compiled


def test_compiled_forward_and_backward_belong_to_their_modules_and_lines():
    model, compiled = compiled_model()
    model.zero_grad()
    with profile() as found:
        y = compiled(torch.ones(4, 8))
        y.sum().backward()
    modules = {row.what: row for row in found.modules()}
    for name in ("0 (Linear)", "1 (Tanh)", "2 (Linear)"):
        assert modules[name].forward > 0 < modules[name].backward
    (line,) = [row for row in found.lines() if "# where it was recorded" in row.what]
    assert line.forward > 0 < line.backward
    (forward,) = [event for event in found.events().all() if event.name.startswith("compiled ") and event.kind == "op"]
    assert 0 < sum(inner.total for inner in forward.children) <= forward.total + len(forward.children)
    (outer,) = [event for event in found.events().all() if event.name.endswith("CompiledBackward")]
    (inner,) = outer.children
    assert inner.name == "compiled gradient" and inner.total <= outer.total
    expected = [p.grad.numpy().copy() for p in model.parameters()]
    model.zero_grad()
    compiled(torch.ones(4, 8)).sum().backward()
    assert all((a == p.grad.numpy()).all() for a, p in zip(expected, model.parameters(), strict=True))


def test_a_compiled_step_without_arguments_is_in_the_profile():
    w = torch.ones(64, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.1)

    @torch.compile
    def step():
        optimizer.zero_grad()
        loss = (w * w).sum()
        loss.backward()
        optimizer.step()
        return loss

    for _ in range(6):
        step()
    with profile() as found:
        step()
    assert "compiled step" in {event.name for event in found.events().all()}
    assert any("loss = (w * w).sum()" in row.what and row.forward > 0 for row in found.lines())


def test_modules_of_a_line_are_put_together_in_a_long_table():
    class Block(torch.nn.Module):
        def forward(self, x):
            return x.exp()  # one line

    model = torch.nn.Sequential(*(Block() for _ in range(30)))
    with profile(profile_memory=True) as found:
        y = model(torch.zeros(100, requires_grad=True))
        del y
    table = found.memory()
    assert len(table) == 30 and len(table.by_line()) == 1
    assert "30 arrays  saved for backward" in str(table) and str(table).endswith("# one line  30 modules")
    data = json.loads(found.html().partition('id="data">')[2].partition("</script>")[0])["memory"]
    assert [row[:2] for row in data["rows"]] == [[30 * 400, "saved for backward"]]


class Waves(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = torch.nn.Linear(16, 64), torch.nn.Linear(64, 64), torch.nn.Linear(64, 4)

    def forward(self, x):
        h = torch.tanh(self.a(x))  # the first line
        h = torch.sigmoid(self.b(h))  # the second line
        return self.c(h)


def held_at(snapshot, what, line):
    return sum(held.nbytes for holder, held in snapshot.held.items() if holder.what == what and line in holder.line)


def test_what_a_compiled_model_saves_is_told_by_the_lines_that_it_comes_from():
    model = Waves()
    compiled = torch.compile(model)
    x = torch.randn(128, 16)
    for _ in range(3):
        compiled(x).sum().backward()
    before = memory.snapshot()
    with memory.peak() as found:
        loss = compiled(x).sum()
        now = memory.snapshot() - before
        loss.backward()
    for line in ("# the first line", "# the second line"):
        assert held_at(found.snapshot, memory.SAVED, line) == held_at(now, memory.SAVED, line) == 128 * 64 * 4
    assert held_at(found.snapshot, memory.GRADIENTS, "# the second line") >= 64 * 64 * 4
    assert "within compiled programs" in str(found)


def test_what_lies_in_a_compiled_program_is_told_by_line_at_its_fullest():
    model = Waves()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x = torch.randn(128, 16)

    @torch.compile
    def step(x):
        optimizer.zero_grad()
        loss = model(x).square().sum()
        loss.backward()
        optimizer.step()
        return loss

    for _ in range(4):
        step(x)
    with profile(profile_memory=True) as found:
        loss = step(x)
    table = found.memory()
    assert held_at(table, memory.COMPILED, "# the second line") >= 128 * 64 * 4
    assert held_at(memory.snapshot(), memory.COMPILED, "# the second line") >= held_at(table, memory.COMPILED, "# the second line")
    assert table.total == table.of(memory.COMPILED) + loss.element_size()
    data = json.loads(found.html().partition('id="data">')[2].partition("</script>")[0])["memory"]
    assert data["total"] == table.total
