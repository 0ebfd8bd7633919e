"""The smaller parts of torch.utils: timers and tables, what is not there, writers for TensorBoard."""

import subprocess
import sys
import types

import numpy as np
import pytest

import pedigrad as torch
from pedigrad.utils import benchmark, bottleneck, collect_env, tensorboard


def measured(median, label="add", sub="a", description="x", threads=1, times=5):
    spec = benchmark.TaskSpec("x + y", "pass", label=label, sub_label=sub, description=description, num_threads=threads)
    return benchmark.Measurement(10, [median * 10 * (1 + 0.01 * i) for i in range(-(times // 2), times - times // 2)], spec)


def test_a_timer_measures():
    timer = benchmark.Timer("x + 1", setup="x = 1", label="sum", num_threads=1)
    once = timer.timeit(100)
    assert once.number_per_run == 100 and len(once.times) == 1 and 0 < once.median < 1e-3
    seen = []
    many = timer.blocked_autorange(callback=lambda number, seconds: seen.append(number), min_run_time=0.01)
    assert len(many.raw_times) == len(seen) and sum(many.raw_times) >= 0.01
    assert "sum" in repr(many) and "Median" in repr(many) and "setup: x = 1" in repr(many)
    assert timer.adaptive_autorange(threshold=0.5, max_run_time=0.5).median > 0


def test_globals_are_seen_and_errors_come_through():
    assert benchmark.Timer("f()", globals={"f": lambda: 1}).timeit(2).median > 0
    with pytest.raises(NameError):
        benchmark.Timer("missing()").timeit(2)
    with pytest.raises(NotImplementedError, match="Python"):
        benchmark.Timer("1;", language="c++")
    with pytest.raises(NotImplementedError, match="blocked_autorange"):
        benchmark.Timer().collect_callgrind()


def test_statistics():
    m = measured(2e-6)
    assert abs(m.median - 2e-6) < 1e-12 and abs(m.iqr - 4e-8) < 1e-12 and m.meets_confidence() and m.title == "add: a"
    assert m.stmt == "x + y" and m.num_threads == 1 and m.as_row_name == "a"
    assert benchmark.select_unit(2e-6) == ("us", 1e-6) and benchmark.trim_sigfig(1234.5, 2) == 1200
    merged = benchmark.Measurement.merge([m, measured(2e-6), measured(1e-6, sub="b")])
    assert [len(each.times) for each in merged] == [10, 5]


def test_tables():
    table = benchmark.Compare([measured(1e-6), measured(2e-3, sub="long name"), measured(3e-6, description="other", threads=2)])
    text = str(table)
    assert text.splitlines()[0].strip("[]-") == " add " and "microseconds (us)" in text
    assert [line.split(" ")[0] for line in text.splitlines() if "threads" in line] == ["1", "2"]
    assert len({len(line) for line in text.splitlines()[1:7] if "|" in line}) == 1
    table.trim_significant_figures()
    table.colorize()
    table.highlight_warnings()
    assert "\033[92m" in str(table)


def test_what_is_not_there_says_what_is():
    with pytest.raises(NotImplementedError, match="profiler"):
        bottleneck.main()
    done = subprocess.run([sys.executable, "-m", "pedigrad.utils.bottleneck", "x.py"], capture_output=True, text=True)
    assert done.returncode == 1 and "cProfile" in done.stderr
    assert "numpy" in collect_env.get_pretty_env_info()
    with pytest.raises(AttributeError, match="no 'nothing'"):
        _ = torch.utils.nothing


def test_writers_for_tensorboard(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ImportError, match="pip install tensorboardX"):
        from pedigrad.utils.tensorboard import SummaryWriter  # noqa: F401
    calls = []

    class Writer:
        logdir = "runs/1"

        def __init__(self, *args, **kwargs):
            calls.append(args)

        def add_scalars(self, tag, values, global_step=None):
            calls.append((tag, values, global_step))

        def close(self):
            calls.append("closed")

    monkeypatch.setitem(sys.modules, "tensorboardX", types.SimpleNamespace(SummaryWriter=Writer))
    with tensorboard.SummaryWriter("runs/1") as writer:
        writer.add_scalars("loss", {"a": torch.tensor(1.5, requires_grad=True)}, 3)
        assert writer.log_dir == writer.get_logdir() == "runs/1"
    tag, values, step = calls[1]
    assert (tag, step) == ("loss", 3) and type(values["a"]) is np.ndarray and values["a"] == 1.5 and calls[-1] == "closed"
