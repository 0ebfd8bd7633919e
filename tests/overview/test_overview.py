"""summary(), watch() and memory.snapshot(): what they say is so, and saying it changes nothing."""

import gc
import io
import json
import math
import os
import re
import subprocess
import sys
import time

import numpy as np
import pytest

import pedigrad as torch
from pedigrad import memory, nn
from pedigrad.utils import progress


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.bn = nn.BatchNorm2d(8)
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(8 * 4 * 4, 5))

    def forward(self, x):
        return self.body(self.bn(self.conv(x)))


def test_a_summary_has_torchinfos_columns_and_counts():
    found = torch.summary(Net(), torch.ones(2, 3, 4, 4))
    assert found.total_params == found.trainable_params == 8 * 3 * 9 + 8 + 16 + 128 * 5 + 5
    assert found.total_mult_adds == 2 * (8 * 3 * 9 * 16 + 128 * 5)
    text = str(found)
    for part in (
        "Layer (type:depth-idx)",
        "Param #",
        "Mult-Adds",
        "├─Conv2d (conv): 1-1",
        "│    ├─Linear (1): 2-2",
        "[2, 8, 4, 4]",
        "Total params: 885",
    ):
        assert part in text, text
    assert "│" not in str(torch.summary(Net(), torch.ones(2, 3, 4, 4), depth=1))


def test_a_summary_leaves_the_model_as_it_was():
    model = Net()
    model.bn.eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    torch.summary(model, torch.ones(2, 3, 4, 4))
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert model.training and model.conv.training and not model.bn.training
    assert not any(module._forward_hooks for module in model.modules())
    with pytest.raises(RuntimeError):
        torch.summary(model, torch.ones(2, 4, 4, 4))
    assert model.training and not any(module._forward_hooks for module in model.modules())


def trained(live, model, steps):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    x = torch.ones(4, 3)
    for _ in range(steps):
        optimizer.zero_grad(set_to_none=True)
        loss = model(x).pow(2).mean()
        loss.backward()
        before = model[0].weight.detach().numpy().copy()
        optimizer.step()
        live(loss)
    return loss, before


def test_watch_tells_loss_gradients_and_how_far_steps_go():
    torch.manual_seed(0)
    model, file = nn.Sequential(nn.Linear(3, 3, bias=False), nn.Tanh(), nn.Linear(3, 1)), io.StringIO()
    live = torch.watch(model, total=4, every=0.0, file=file)
    loss, before = trained(live, model, 4)
    first = live.layers[0]
    weight, gradient = model[0].weight.detach().numpy(), model[0].weight.grad.numpy()
    assert [layer.name for layer in live.layers] == ["0", "2"]
    assert math.isclose(first.gradient, np.linalg.norm(gradient), rel_tol=1e-5)
    assert math.isclose(first.ratio, np.linalg.norm(weight - before) / np.linalg.norm(weight), rel_tol=1e-4)
    assert live.loss == loss.item()
    assert file.getvalue().splitlines()[-1].startswith("step 4 of 4  loss ")


def test_watch_says_which_layers_have_no_gradient():
    model = nn.ModuleDict({"used": nn.Linear(1, 1), "not": nn.Linear(1, 1)})
    with torch.watch(model, file=io.StringIO()) as live:
        model["used"](torch.ones(1)).backward()
        live(1.0)
    assert live.layers[0].gradient > 0 and live.layers[1].gradient is None
    assert "none" in str(live)


def test_watch_replaces_its_table_on_a_terminal(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)  # rich is not installed

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    model, file = nn.Sequential(nn.Linear(3, 1)), Terminal()
    trained(torch.watch(model, every=0.0, file=file), model, 4)
    assert file.getvalue().count("\033[3F\033[J") == 1


def test_watch_gives_the_same_to_tensorboard():
    class Writer:
        seen = {}

        def add_scalar(self, name, value, step):
            self.seen[name] = value, step

    model = nn.Sequential(nn.Linear(3, 1))
    live = torch.watch(model, every=0.0, writer=Writer(), file=io.StringIO())
    trained(live, model, 2)
    assert Writer.seen["loss"] == (live.loss, 2) and Writer.seen["gradient norm/0"][0] == live.layers[0].gradient


def test_watch_wants_a_module():
    with pytest.raises(TypeError, match="must be a Module, not function"):
        torch.watch(trained)


@pytest.fixture
def quiet():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def test_a_snapshot_says_which_line_and_module_hold_what_is_saved(quiet):
    model = nn.Sequential(nn.Linear(100, 100), nn.Tanh())
    before = memory.snapshot()
    y = model(torch.ones(50, 100))
    change = memory.snapshot() - before
    saved = {(holder.module, holder.what): held.nbytes for holder, held in change.held.items()}
    assert saved["1 (Tanh)", memory.SAVED] == 50 * 100 * 4
    assert any("y = model(torch.ones(50, 100))" in holder.line for holder in change.held)
    assert change.total == 2 * 50 * 100 * 4 and "1 (Tanh)" in str(change)
    y.sum().backward()
    assert (memory.snapshot() - before).of(memory.GRADIENTS) == 4 * (100 * 100 + 100)


def test_folded_rows_add_up_what_is_in_them():
    model = nn.Sequential(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)), nn.Linear(2, 3))
    found = torch.summary(model, torch.ones(5, 4), depth=1)
    assert [row[-2:] for row in found.rows()] == [("--", "--"), (f"{4 * 8 + 8 + 8 * 2 + 2}", f"{5 * (4 * 8 + 8 * 2)}"), ("9", "30")]
    assert found.total_mult_adds == 5 * (4 * 8 + 8 * 2 + 2 * 3)
    assert [row[-1] for row in torch.summary(model, torch.ones(5, 4), depth=0).rows()] == [str(found.total_mult_adds)]
    assert sum(int(row[-1]) for row in torch.summary(model, torch.ones(5, 4)).rows() if row[-1] != "--") == found.total_mult_adds


def test_parameters_that_an_earlier_row_has_are_marked():
    model = nn.ModuleDict({"tokens": nn.Embedding(10, 4), "inner": nn.Linear(4, 4), "head": nn.Linear(4, 10, bias=False)})
    model["head"].weight = model["tokens"].weight
    found = torch.summary(model)
    assert [row[3] for row in found.rows()] == ["--", "40", "20", "40 (shared)"] and found.total_params == 60
    both = nn.Sequential(model["tokens"], nn.Sequential(model["inner"], model["head"]))
    assert [row[3] for row in torch.summary(both, depth=1).rows()] == ["--", "40", "60 (40 shared)"]


def test_what_no_operation_has_made_goes_by_who_has_it(quiet):
    model = nn.Sequential(nn.Linear(100, 100), nn.BatchNorm1d(100))
    optimizer = torch.optim.Adam(model.parameters())
    before = memory.snapshot()
    ones = torch.ones(1000)
    kept = [torch.from_numpy(np.ones(500, np.float32)), {"later": 1}]
    model(torch.ones(4, 100)).sum().backward()
    optimizer.step()
    change = memory.snapshot() - before
    held = {(holder.what, holder.module): each.nbytes for holder, each in change.held.items()}
    assert held[memory.TENSORS, "ones"] == ones.nbytes and held[memory.TENSORS, "in kept"] == kept[0].nbytes
    assert held[memory.GRADIENTS, "0 (Linear)"] == 4 * (100 * 100 + 100) and held[memory.GRADIENTS, "1 (BatchNorm1d)"] == 800
    assert held[memory.STATE, "Adam: exp_avg"] == held[memory.STATE, "Adam: exp_avg_sq"] == 4 * (100 * 100 + 300)
    assert {"0 (Linear)", "1 (BatchNorm1d)"} <= {h.module for h in memory.snapshot().held if h.what == memory.PARAMETERS}
    assert not any(holder.what == memory.TENSORS and not holder.module and not holder.line for holder in change.held)


def test_variables_are_not_taken_for_modules_in_a_short_table(quiet):
    a, b = torch.ones(1000), torch.ones(2000)
    model = nn.Sequential(*(nn.Linear(10, 10) for _ in range(30)))
    short = memory.snapshot().by_line()
    names = {(holder.what, holder.module) for holder in short.held}
    assert {(memory.TENSORS, "a"), (memory.TENSORS, "b")} <= names and a.numel() < b.numel()
    assert any(what == memory.PARAMETERS and module.endswith(" modules") for what, module in names) and len(model) == 30


def test_memory_is_counted_once(quiet):
    before = memory.snapshot()
    x = torch.ones(1000)
    views = [x.view(10, 100), x[:10], x.view(10, 100).T]
    assert (memory.snapshot() - before).total == 4000 and len(views) == 3


def test_what_a_loop_keeps_is_seen_with_its_line(quiet):
    w, losses = torch.ones(1000, requires_grad=True), []
    snapshots = []
    for _ in range(3):
        losses.append((w * 2).exp().sum())
        snapshots.append(memory.snapshot())
    growth = snapshots[2] - snapshots[1]
    holder = max(growth.held, key=lambda h: growth.held[h].nbytes)
    assert growth.held[holder].nbytes == 4000 and "losses.append((w * 2).exp().sum())" in holder.line
    losses.clear()
    assert (memory.snapshot() - snapshots[0]).total <= 0


def test_a_snapshot_without_change_says_so(quiet):
    assert str(memory.snapshot() - memory.snapshot()).startswith("0 B")


class OnTerminal(io.StringIO):
    def isatty(self):
        return True


def test_watch_lets_rich_draw_where_it_is_installed(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.delenv("NO_COLOR", raising=False)
    out = OnTerminal()
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 1))
    with torch.watch(model, every=0.0, file=out) as live:
        trained(live, model, 4)
    drawn = [re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", each) for each in out.getvalue().split("step ")[1:]]
    assert [each.split()[0].rstrip(",") for each in drawn][-1] == "4" and len(drawn) >= 2, out.getvalue()
    rows = [[cell.strip() for cell in re.split(r"\s{2,}|[│┃]", line) if cell.strip()] for line in drawn[-1].splitlines()]
    assert ["0", *next(live.rows())[1:]] in rows, drawn[-1]
    assert out.getvalue().count("\x1b[?25l") == out.getvalue().count("\x1b[?25h") == 1  # the cursor goes, and comes back


NOTEBOOK = """
import json
import sys
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from traitlets.config import Config


class Notebook(InteractiveShell):
    kernel = object()  # as the shells of notebooks have


shell = Notebook.instance(config=Config({"HistoryManager": {"enabled": False}}))
cells = []
for cell in json.loads(sys.argv[1]):
    with capture_output() as seen:
        done = shell.run_cell(cell)
    done.raise_error()
    last = {} if done.result is None else shell.display_formatter.format(done.result)[0]
    shown = [(each.data["text/html"], each.transient["display_id"], each.update) for each in seen.outputs]
    cells.append({"shown": shown, "last": last.get("text/html", ""), "printed": seen.stdout})
print(json.dumps(cells))
"""


def notebook(folder, *cells):
    """What IPython shows of each cell: what is displayed while it runs, and the value of its last line."""
    command = [sys.executable, "-c", NOTEBOOK, json.dumps(cells)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"IPYTHONDIR": str(folder)}, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_watch_shows_its_table_in_a_notebooks_cell(tmp_path):
    train = """
import pedigrad as torch
model = torch.nn.Sequential(torch.nn.Linear(3, 1))
live = torch.watch(model, every=0.0)
for _ in range(6):
    loss = model(torch.ones(2, 3)).sum()
    loss.backward()
    live(loss)
"""
    first, again, family = notebook(tmp_path, train, "live", "loss.family()")
    assert not first["printed"] and len(first["shown"]) >= 2
    html, place, update = zip(*first["shown"], strict=True)
    assert len(set(place)) == 1 and update == (False, *[True] * (len(update) - 1))  # each in the place of the first
    assert all("<td>0</td>" in each for each in html) and html[0] != html[-1]
    assert "<caption>step 6" in again["last"] and not again["shown"]
    assert family["last"].startswith('<iframe srcdoc="&lt;!doctype html')


def test_watch_in_an_ipython_without_a_notebook_writes_lines(tmp_path):
    train = "import pedigrad as torch\nlive = torch.watch(torch.nn.Linear(3, 1), every=0.0)\nfor _ in range(3): live(1.0)"
    (cell,) = notebook(tmp_path, "del type(get_ipython()).kernel\n" + train)
    assert not cell["shown"] and cell["printed"].startswith("step ")


def test_watch_opens_modules_as_long_as_the_table_is_small():
    names = [
        name
        for name, _ in torch.watch(nn.ModuleDict({"h": nn.ModuleList(nn.Linear(1, 1) for _ in range(12)), "ln": nn.LayerNorm(1)})).groups()
    ]
    assert names == [*(f"h.{i}" for i in range(12)), "ln"]
    many = nn.Sequential(*(nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1)) for _ in range(20)))
    assert [name for name, _ in torch.watch(many).groups()] == [str(i) for i in range(20)]


def test_watch_ends_with_the_last_loss():
    model = nn.Sequential(nn.Linear(3, 1))
    with torch.watch(model, every=1000.0, file=io.StringIO()) as live:
        for i in range(5):
            model(torch.ones(3)).sum().backward()
            live(float(i))
    assert live.loss == 4.0 and live.layers[0].ratio is not None


def test_progress_gives_the_items_and_ends_its_line():
    out = io.StringIO()
    assert list(progress(range(3), label="counting", file=out)) == [0, 1, 2]
    line = out.getvalue()
    assert line.startswith("counting  ") and "█" * 30 + " 3/3" in line and line.endswith("\n") and line.count("\n") == 1


def test_progress_of_a_loader_tells_samples_and_the_wait_for_data():
    class Slow(torch.utils.data.Dataset):
        def __len__(self):
            return 8

        def __getitem__(self, i):
            time.sleep(0.005)
            return torch.ones(2) * i, i

    bar = progress(torch.utils.data.DataLoader(Slow(), batch_size=4), file=io.StringIO())
    for _ in bar:
        bar.note(loss=0.25)
    assert len(bar) == bar.done == 2 and bar.samples == 8
    assert 0 < bar.waited <= bar.seconds
    assert "samples/s, data " in bar.line() and bar.line().endswith("  loss 0.25")


def test_progress_shows_what_was_done_when_a_loop_ends_early():
    out = OnTerminal()
    for i in progress(range(10), file=out):
        if i == 3:
            break
    assert out.getvalue().rstrip().split("\r")[-1].startswith("█████████ ") and " 3/10" in out.getvalue()


def test_progress_without_a_length_counts():
    out = io.StringIO()
    bar = progress(iter("abc"), file=out)
    assert list(bar) == ["a", "b", "c"] and out.getvalue().startswith("3  ")
    with pytest.raises(TypeError, match="not known"):
        len(bar)


def test_summary_counts_the_products_of_recurrent_layers():
    layers = torch.nn.LSTM(3, 4, 2, batch_first=True)
    weights = sum(p.numel() for p in layers.parameters() if p.ndim > 1)
    assert torch.summary(layers, torch.zeros(5, 7, 3)).total_mult_adds == 5 * 7 * weights
    assert torch.summary(torch.nn.GRUCell(3, 4), torch.zeros(2, 3)).total_mult_adds == 2 * 12 * 7


def test_summary_of_lazy_layers_tells_the_parameters_that_they_have_afterwards():
    model = torch.nn.Sequential(torch.nn.LazyLinear(4), torch.nn.ReLU())
    assert "LazyLinear (0): 1-1" in str(torch.summary(model))
    rows = list(torch.summary(model, torch.zeros(5, 2)).rows())
    assert rows[1] == ("├─Linear (0): 1-1", "[5, 2]", "[5, 4]", "12", "40")


def test_summary_takes_sizes_instead_of_inputs_or_nothing():
    rows = list(torch.summary(torch.nn.Linear(2, 3), input_size=(5, 2)).rows())
    assert rows == [("Linear: 0-1", "[5, 2]", "[5, 3]", "9", "30")]
    assert torch.summary(torch.nn.Bilinear(2, 3, 4), input_size=[(5, 2), (5, 3)]).layers[0].outputs == [[5, 4]]
    assert list(torch.summary(torch.nn.Linear(2, 3)).rows()) == [("Linear: 0-1", "--", "--", "9", "--")]


def test_summary_refuses_what_is_no_module():
    with pytest.raises(TypeError, match="must be a Module, not int"):
        torch.summary(3)
    with pytest.raises(TypeError, match="either inputs or input_size"):
        torch.summary(torch.nn.Linear(2, 3), torch.zeros(5, 2), input_size=(5, 2))


def test_a_summary_of_parameters_alone_counts_nothing_that_is_not_known():
    model = torch.nn.Linear(3, 2)
    alone, called = str(torch.summary(model)), str(torch.summary(model, torch.ones(1, 3)))
    for what in ("Total mult-adds", "Input size", "Forward/backward pass size", "Estimated total size"):
        assert what not in alone and what in called
    assert "Total params: 8" in alone and "Params size (MB): 0.00" in alone
