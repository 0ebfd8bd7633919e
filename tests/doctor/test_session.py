"""`pedigrad.check()` and `pedigrad run --check`: how a program is watched, and that nothing stays behind."""

import copy
import gc
import subprocess
import sys
import threading
import weakref

import pytest
from watched_programs import examine, names

import pedigrad as torch
from pedigrad import nn
from pedigrad.core import modes, watching
from pedigrad.doctor.findings import CHECKS, Check

CARELESS = """
import torch
model = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(4):
    loss = model(torch.ones(4, 2)).sum()
    loss.backward()
    optimizer.step()
print("done")
"""


def careless(steps=4):
    model = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(steps):
        model(torch.ones(4, 2)).sum().backward()
        optimizer.step()


def test_the_findings_of_a_block_are_there_after_it():
    with torch.check() as doctor:
        careless()
    (finding,) = doctor.findings
    assert finding.check == "gradients-accumulate"
    assert finding.file == __file__ and "backward()" in finding.text
    assert "zero_grad" in finding.remedy and finding.place in doctor.report()


def test_nothing_is_watched_after_the_block():
    special = modes.special
    with torch.check():
        assert watching.watcher is not None
        careless()
    assert watching.watcher is None and modes.special == special
    with pytest.raises(ZeroDivisionError), torch.check():
        careless(1)
        raise ZeroDivisionError
    assert watching.watcher is None and modes.special == special


def test_a_check_that_raises_is_what_a_test_wants():
    with pytest.raises(AssertionError, match="gradients-accumulate"), torch.check(raises=True):
        careless()


def test_checks_can_be_chosen_and_left_out():
    with torch.check(ignore=["gradients-accumulate"]) as doctor:
        careless()
    assert doctor.findings == []
    with torch.check(only=["loss-broadcasts"]) as doctor:
        careless()
    assert doctor.findings == []
    with pytest.raises(ValueError, match="no check called no-such-check"):
        torch.check(only=["no-such-check"])


def test_checks_do_not_nest():
    with torch.check(), pytest.raises(RuntimeError, match="do not nest"), torch.check():
        pass
    assert watching.watcher is None


def test_other_threads_are_left_alone():
    with torch.check() as doctor:
        thread = threading.Thread(target=careless)
        thread.start()
        thread.join()
    assert doctor.findings == [] and doctor.faults == []


def test_numbers_are_those_of_an_unwatched_run():
    def losses():
        torch.manual_seed(3)
        model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.3), nn.Linear(8, 2))
        optimizer = torch.optim.Adam(model.parameters())
        found = []
        for _ in range(150):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(torch.randn(16, 4)), torch.randint(0, 2, (16,)))
            loss.backward()
            optimizer.step()
            found.append(loss.item())
        return found

    plain = losses()
    with torch.check() as doctor:
        watched = losses()
    assert watched == plain and doctor.findings == [] and doctor.faults == []


def test_a_fault_of_a_check_does_not_end_the_program(monkeypatch):
    class Broken(Check):
        """Fails."""

        name = "broken"
        remedy = "None."

        def step(self, updater):
            raise KeyError("what")

    monkeypatch.setitem(CHECKS, "broken", Broken)
    with torch.check(only=["broken"]) as doctor:
        careless()
    monkeypatch.undo()
    CHECKS.pop("broken", None)
    assert doctor.faults == ["the check broken failed in step(): KeyError: 'what'"]
    assert "not checked" in doctor.report()


def test_compiled_steps_can_be_watched():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    compiled = torch.compile(model)
    with torch.check() as doctor:
        for _ in range(8):
            optimizer.zero_grad()
            nn.functional.mse_loss(compiled(torch.randn(16, 4)), torch.randn(16, 1)).backward()
            optimizer.step()
    assert doctor.findings == [] and doctor.faults == []


def test_tensors_without_memory_are_not_looked_at():
    with torch.check() as doctor:
        model = nn.Linear(3, 2, device="meta")
        model(torch.ones(4, 3, device="meta")).sum().backward()
    assert doctor.faults == []


def test_names_tells_what_each_check_looks_for():
    told = torch.check.names()
    assert len(told) >= 25 and all(told.values())


def test_long_programs_are_still_seen_to_measure_in_training_mode():
    text = """
    import torch
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 2))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    for step in range(200):
        x = torch.randn(8, 4)
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net(x), (x[:, 0] > 0).long()).backward()
        optimizer.step()
    with torch.no_grad():
        x = torch.randn(50, 4)
        print((net(x).argmax(1) == (x[:, 0] > 0).long()).sum())
    """
    assert names(examine(text)) == ["train-mode-while-measuring"]


def run(folder, text, *args, status=0):
    (folder / "program.py").write_text(text)
    command = [sys.executable, "-m", "pedigrad", "run", "--check", "program.py", *args]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == status, done.stderr
    return done


def test_the_command_runs_the_program_and_then_reports(tmp_path):
    done = run(tmp_path, CARELESS)
    assert done.stdout == "done\n"
    assert "program.py:7  [gradients-accumulate]" in done.stderr and "loss.backward()" in done.stderr


def test_the_command_reports_on_programs_that_fail_or_exit(tmp_path):
    done = run(tmp_path, CARELESS + "raise ValueError('at the end')\n", status=1)
    assert "gradients-accumulate" in done.stderr and "at the end" in done.stderr
    done = run(tmp_path, CARELESS + "import sys; sys.exit(3)\n", status=3)
    assert "gradients-accumulate" in done.stderr


@pytest.mark.parametrize("example", ["founding.py", "digits.py"])
def test_the_examples_have_no_findings(example):
    import pathlib

    path = pathlib.Path(__file__).parents[2] / "examples" / example
    if example == "digits.py":
        pytest.importorskip("sklearn")
    done = subprocess.run([sys.executable, "-m", "pedigrad", "run", "--check", str(path)], capture_output=True, text=True, timeout=600)
    assert "pedigrad check: 0 findings" in done.stderr, done.stderr


def test_a_finding_names_the_module_that_ran_its_line():
    class Rounds(nn.Module):
        def forward(self, x):
            return torch.round(x)

    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 3), Rounds(), nn.Linear(3, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with torch.check() as doctor:
        for _ in range(4):
            optimizer.zero_grad()
            model(torch.randn(8, 4)).pow(2).mean().backward()
            optimizer.step()
    (finding,) = [f for f in doctor.findings if f.check == "gradient-zero"]
    assert finding.module == "1 (Rounds)" and "torch.round" in finding.text
    assert "[gradient-zero]  in 1 (Rounds)" in doctor.report()


RESTORED = """
import inspect
import pedigrad as torch
from pedigrad.nn import functional as F
functions = (F.cross_entropy, F.dropout, torch.stack, torch.manual_seed, torch.Tensor.item, torch.Tensor.detach)
before = [(f.__code__, f.__defaults__, f.__kwdefaults__, dict(f.__dict__), str(inspect.signature(f))) for f in functions]
for _ in range(2):
    with torch.check():
        assert F.dropout.__code__ is not before[1][0]
        F.dropout(torch.ones(3), 0.5)
after = [(f.__code__, f.__defaults__, f.__kwdefaults__, dict(f.__dict__), str(inspect.signature(f))) for f in functions]
print(before == after)
with torch.autocast("cpu"):
    pass
held = F.dropout.__code__
with torch.check():
    pass
print(F.dropout.__code__ is held and held is not before[1][0], F.dropout(torch.ones(3), 0.0).tolist())
"""


def test_functions_are_what_was_written_again_after_the_block():
    done = subprocess.run([sys.executable, "-c", RESTORED], capture_output=True, text=True)
    assert done.stdout.split("\n") == ["True", "True [1.0, 1.0, 1.0]", ""], done.stderr


ASKED = """
import pedigrad as torch
from pedigrad.nn import functional as F
heard, unheard, codes = F.cross_entropy, F.triplet_margin_loss, []
note = lambda: codes.append((heard.__code__, unheard.__code__))
note()
with torch.check():
    note()
    torch.fx.symbolic_trace(torch.nn.Linear(2, 1))
    note()
    with torch.autocast("cpu"):
        note()
first, watched, traced, cast = codes
print(watched[0] is not first[0], watched[1] is first[1], traced[0] is not first[0], cast[1] is not first[1])
"""


def test_only_functions_that_a_check_listens_to_ask_first():
    done = subprocess.run([sys.executable, "-c", ASKED], capture_output=True, text=True)
    assert done.stdout == "True True True True\n", done.stderr


def test_a_check_that_hears_always_is_told_of_each_step_of_a_long_program(monkeypatch):
    heard = {}

    class Counting(Check):
        """Counts."""

        name = "counting"
        remedy = "None."
        always = ("stepped",)

        def step(self, updater):
            heard["step"] = heard.get("step", 0) + 1

        def stepped(self, updater):
            heard["stepped"] = heard.get("stepped", 0) + 1

    monkeypatch.setitem(CHECKS, "counting", Counting)
    with torch.check(only=["counting"]):
        careless(400)
    monkeypatch.undo()
    CHECKS.pop("counting", None)
    assert heard["stepped"] == 400 and heard["step"] < 100


def test_something_new_wakes_the_checks_again():
    with torch.check(only=["gradients-accumulate"]) as doctor:
        careless(200)
        assert doctor.observer.asleep
        model = nn.Linear(2, 1)
        torch.optim.SGD(model.parameters(), lr=0.1)
        assert not doctor.observer.asleep


def train(steps, model, loss_of, zero=lambda step: True):
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    for step in range(steps):
        if zero(step):
            optimizer.zero_grad()
        loss_of(step).backward()
        optimizer.step()


def test_inputs_that_need_gradients_are_not_kept():
    model, inputs = nn.Linear(2, 1), []

    def loss_of(step):
        x = torch.ones(4, 2, requires_grad=True)
        inputs.append(weakref.ref(x._node))
        return model(x).sum()

    with torch.check():
        train(200, model, loss_of)
        assert sum(leaf() is not None for leaf in inputs) < 20


def test_a_loss_or_a_gradient_that_is_not_finite_is_found_in_deep_sleep_too():
    model = nn.Linear(2, 1)
    with torch.check() as doctor:
        train(700, model, lambda step: model(torch.ones(4, 2)).sum() * (float("inf") if step == 650 else 1.0))
    assert "loss-not-finite" in [finding.check for finding in doctor.findings]

    model = nn.Linear(2, 1)
    with torch.check() as doctor:
        train(700, model, lambda step: (model(torch.ones(4, 2)) * (0.0 if step == 650 else 1.0)).abs().sqrt().sum())
    assert "gradient-not-finite" in [finding.check for finding in doctor.findings]


def test_operands_of_a_gradient_that_is_not_finite_are_told_though_sums_keep_nothing():
    z = torch.tensor([[1.0, 0.0], [0.0, 0.0]], requires_grad=True)
    with torch.check() as doctor:
        torch.sqrt(((z[:, None] - z[None]) ** 2).sum(-1)).mean().backward()
    (finding,) = (f for f in doctor.findings if f.check == "gradient-not-finite")
    assert "its operands: input from 0 to 1." in finding.message


def test_what_goes_wrong_late_is_found_within_a_round():
    model = nn.Linear(2, 1)
    with torch.check() as doctor:
        train(1800, model, lambda step: model(torch.ones(4, 2)).sum(), zero=lambda step: step < 700)
    assert "gradients-accumulate" in [finding.check for finding in doctor.findings]


def test_gradients_added_up_on_purpose_are_no_finding_after_sleep():
    model = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    with torch.check(only=["gradients-accumulate", "step-without-backward", "zeroed-before-step"]) as doctor:
        for part in range(4200):
            (model(torch.randn(4, 2)).sum() / 3).backward()
            if part % 3 == 2:
                optimizer.step()
                optimizer.zero_grad()
    assert not doctor.findings


def test_models_optimizers_and_inputs_of_a_long_search_are_let_go():
    made = []

    def search():
        for _ in range(180):
            model = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1))
            optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
            schedule = torch.optim.lr_scheduler.StepLR(optimizer, 2)
            noise = torch.zeros(4, 2, requires_grad=True)
            noise.data.uniform_(-1, 1)
            for _ in range(2):
                optimizer.zero_grad()
                model(torch.randn(4, 2) + noise).sum().backward()
                optimizer.step()
            schedule.step()
            made.append([weakref.ref(each) for each in (model, optimizer, schedule, noise, model[0].weight)])

    with torch.check() as doctor:
        search()
        gc.collect()
        assert all(sum(each() is not None for each in kind) < 120 for kind in zip(*made, strict=True))
    assert doctor.findings == [] and doctor.faults == []


def test_models_that_outlive_their_optimizers_of_a_long_search_had_them():
    def fit():
        model = nn.Linear(2, 1)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        for _ in range(3):
            optimizer.zero_grad()
            model(torch.randn(4, 2)).sum().backward()
            optimizer.step()
        return model

    with torch.check(ignore=["never-shuffled"]) as doctor:
        members = [fit() for _ in range(100)]
    assert len(members) == 100 and doctor.findings == [] and doctor.faults == []


def test_what_another_thread_computes_meanwhile_is_not_the_sessions():
    ready, over = threading.Event(), threading.Event()
    other = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(other.parameters(), lr=1e-3)

    class Waiting(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            ready.set()
            assert over.wait(60)
            over.clear()
            return g

    def elsewhere():
        for _ in range(4):
            assert ready.wait(60)
            ready.clear()
            (other(torch.ones(4, 2)) * float("inf")).abs().sqrt().sum().backward()
            over.set()

    model = nn.Linear(2, 1)
    with torch.check() as doctor:
        torch.optim.SGD(other.parameters(), lr=1e-3)
        thread = threading.Thread(target=elsewhere)
        thread.start()
        train(4, model, lambda step: Waiting.apply(model(torch.randn(4, 2))).sum())
        thread.join()
    assert optimizer is not None and doctor.findings == [] and doctor.faults == []


def test_inputs_with_a_history_of_several_models_are_not_kept():
    encoder, inputs = nn.Linear(2, 2), []
    with torch.check() as doctor:
        for _ in range(12):
            model = nn.Sequential(nn.Linear(2, 1))
            optimizer = torch.optim.SGD([*encoder.parameters(), *model.parameters()], lr=1e-3)
            for _ in range(2):
                optimizer.zero_grad()
                x = encoder(torch.randn(4, 2))
                inputs.append(weakref.ref(x))
                model(x).sum().backward()
                optimizer.step()
    assert sum(x() is not None for x in inputs) < 4
    assert doctor.findings == []


def test_a_line_that_begins_in_deep_sleep_is_watched():
    model = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    with torch.check() as doctor:
        for _ in range(700):
            optimizer.zero_grad()
            model(torch.randn(4, 2)).sum().backward()
            optimizer.step()
        assert doctor.observer.deep
        for _ in range(60):
            model(torch.randn(4, 2)).mean().backward()
            optimizer.step()
    (finding,) = doctor.findings
    assert finding.check == "gradients-accumulate" and "mean()" in finding.text


def test_nothing_of_the_program_is_kept_after_the_block():
    def trained():
        model = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        schedule = torch.optim.lr_scheduler.StepLR(optimizer, 2)
        x = torch.ones(4, 2, requires_grad=True)
        for _ in range(6):
            model(x).sum().backward()
            optimizer.step()
            schedule.step()
        return [weakref.ref(each) for each in (model, optimizer, schedule, x, model[0].weight)]

    with torch.check() as doctor:
        kept = trained()
    gc.collect()
    assert all(each() is None for each in kept)
    assert "gradients-accumulate" in doctor.report() and "model (Sequential)" in doctor.report()


def test_a_long_search_is_looked_at_less_closely():
    with torch.check(ignore=["never-shuffled"]) as doctor:
        for _ in range(100):
            model = nn.Sequential(nn.Linear(2, 4), nn.Dropout(0.1), nn.Linear(4, 1))
            optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
            for _ in range(8):
                optimizer.zero_grad()
                model(torch.randn(4, 2)).sum().backward()
                optimizer.step()
            with torch.no_grad():
                model.eval()(torch.ones(4, 2))
        assert doctor.observer.asleep
    assert doctor.findings == []


def test_a_session_can_be_opened_again():
    doctor = torch.check(only=["gradients-accumulate", "loss-not-finite"])
    with doctor:
        careless()
    with doctor:
        (nn.Linear(2, 1)(torch.ones(4, 2)).sum() * float("inf")).backward()
    assert [finding.check for finding in doctor.findings] == ["gradients-accumulate", "loss-not-finite"] and doctor.faults == []


def test_a_forward_that_is_called_itself_is_heard_and_given_back():
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(2, 1)

        def forward(self, x):
            return self.layer(x)

    written, net = Net.forward, Net()
    with torch.check() as doctor:
        for _ in range(3):
            net.forward(torch.ones(4, 2)).sum().backward()
        assert Net.forward is not written
        copied = copy.deepcopy(net)
        assert copied.forward(torch.ones(4, 2)).shape == (4, 1)
    assert Net.forward is written
    assert "models: net (Net)" in doctor.report()
