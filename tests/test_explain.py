"""`explain()`: what is said of compiled functions is so, and saying it changes nothing."""

import html.parser
import warnings

import numpy as np
import pytest

import pedigrad as torch
import pedigrad.nn.functional as F
from pedigrad import nn
from pedigrad.capture.explain.report import reached

BATCH, WIDTH, HIDDEN, CLASSES = 16, 12, 24, 5


def training(optimizer=torch.optim.AdamW):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(WIDTH, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, CLASSES))
    made = optimizer(model.parameters(), lr=1e-2)
    x, y = torch.randn(BATCH, WIDTH), torch.randint(0, CLASSES, (BATCH,))

    @torch.compile
    def train(x, y):
        loss = F.cross_entropy(model(x), y)
        made.zero_grad()
        loss.backward()
        made.step()
        return loss

    for _ in range(6):
        train(x, y)
    return model, made, train, x, y


def everything(model, optimizer):
    """All that a training step may change."""
    state = [v.numpy().copy() for each in optimizer.state.values() for v in each.values()]
    grads = [p.grad.numpy().copy() for p in model.parameters()]
    return [*(p.detach().numpy().copy() for p in model.parameters()), *grads, *state, torch.get_rng_state().numpy().copy()]


@pytest.fixture(scope="module")
def explained():
    model, optimizer, train, x, y = training()
    before = everything(model, optimizer)
    report = train.explain()
    after = everything(model, optimizer)
    return report, before, after, train, (x, y)


def test_a_training_step(explained):
    report = explained[0]
    (variant,) = report.variants
    assert variant.arguments == f"(float32[{BATCH}, {WIDTH}], int64[{BATCH}])"
    assert variant.runs > 0 and variant.compile_seconds > 0 and variant.backward is None
    program = variant.forward
    assert program.of("kernel") and program.arena > 0
    ops = {op for step in program.steps for op in step.ops}
    assert {"linear", "relu", "cross_entropy_loss", "linear.grad", "relu.grad", "cross_entropy_loss.grad", "AdamW.step"} <= ops
    names = {name for step in program.steps for each in step.ops.values() for name in each}
    assert {"dot", "maximum", "exp", "sqrt"} <= names


def test_contractions_have_exactly_their_operations(explained):
    contractions = explained[0].variants[0].forward.of("contraction")
    first, second = 2 * BATCH * WIDTH * HIDDEN, 2 * BATCH * HIDDEN * CLASSES
    assert sorted(step.flops for step in contractions) == sorted([first, first, second, second, second])
    forward = contractions[0]
    assert forward.axes == [BATCH, HIDDEN, WIDTH]
    assert forward.read == 4 * (BATCH * WIDTH + HIDDEN * WIDTH) and forward.written == 4 * BATCH * HIDDEN


def test_times_add_up(explained):
    report = explained[0]
    program = report.variants[0].forward
    assert program.problem is None
    assert all(step.seconds is not None and step.seconds >= 0 for step in program.steps)
    assert sum(step.seconds for step in program.steps) + program.rest == pytest.approx(program.seconds)
    assert -0.01 * program.seconds <= program.rest < program.seconds
    assert 0 < program.unmeasured < 1
    assert program.flops == sum(step.flops for step in program.steps)
    assert report.machine.bandwidth > 1e8 and report.machine.arithmetic > 1e8
    for step in program.steps:
        if step.kind == "contraction" and step.seconds:
            what, part = step.limit
            least = max(step.flops / report.machine.arithmetic, (step.read + step.written) / report.machine.bandwidth)
            assert what in ("memory", "compute") and part == pytest.approx(least / step.seconds)


def test_nothing_is_changed(explained):
    _, before, after, train, given = explained
    assert len(before) == len(after)
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other)
    runs = train.compiled.variants[0].runs
    train(*given)
    assert train.compiled.variants[0].runs == runs + 1 and len(train.compiled.variants) == 1


def test_training_goes_on_as_without_it():
    losses = []
    for asks in (False, True):
        _, _, train, x, y = training(torch.optim.SGD)
        if asks:
            train.explain()
        losses.append([train(x, y).item() for _ in range(3)])
    assert losses[0] == losses[1]


def test_without_times(explained):
    report = explained[3].explain(time=False)
    program = report.variants[0].forward
    measured = explained[0].variants[0].forward  # compiled a second time
    assert [(s.kind, s.axes, s.flops) for s in program.steps] == [(s.kind, s.axes, s.flops) for s in measured.steps]
    assert report.machine is None and program.seconds is None and program.rest is None
    assert all(step.seconds is None for step in program.steps)
    assert "limits of this machine" not in str(report)


def test_text(explained):
    text = str(explained[0])
    assert repr(explained[0]) == text
    for part in ("is compiled: ", "limits of this machine", "cross_entropy_loss.grad", "run as long as", "AdamW.step", "the rest"):
        assert part in text
    assert "4 leaves begin with a gradient" in text and "indices are in bounds: argument 1, in cross_entropy_loss" in text
    assert max(map(len, text.splitlines())) <= 120


class Nesting(html.parser.HTMLParser):
    """Every element that is opened is closed, in order."""

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.text = [], set(), []

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def test_html(explained):
    report = explained[0]
    parser = Nesting()
    parser.feed(report._repr_html_())
    parser.close()
    assert parser.open == [] and {"table", "tr", "td", "details", "ul"} <= parser.seen
    text = " ".join(parser.text)
    assert report.name in text and "training.<locals>.train" in text  # escaped, or it would be a tag
    assert "cross_entropy_loss.grad" in text


def test_what_numpy_does_is_said_with_the_reason():
    weight = torch.randn(6, 6, requires_grad=True)

    @torch.compile
    def ordered(x):
        return torch.cumsum(torch.sort(x @ weight)[0], 0)

    x = torch.randn(8, 6)
    for _ in range(4):
        ordered(x)
    report = ordered.explain()
    variant = report.variants[0]
    calls = variant.forward.of("call")
    assert {"sort", "cumsum"} <= {op for step in calls for op in step.ops}
    assert all(step.why for step in calls)
    assert "argsort" in next(step.why for step in calls if "sort" in step.ops)
    assert f"NumPy, because {calls[0].why}" in str(report).replace("\n        ", " ")
    assert variant.backward is not None and "matmul.grad" in str(report)
    assert [step.flops for step in variant.backward.of("contraction")] == [2 * 8 * 6 * 6]
    assert weight.grad is None


def test_a_function_that_is_run_as_usual():
    @torch.compile
    def scaled(x):
        return x * x.sum().item()  # what is computed goes through Python

    x = torch.ones(3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(5):
            scaled(x)
    report = scaled.explain()
    assert report.variants == [] and report.machine is None
    ((arguments, (why, calls)),) = report.eager.items()
    assert arguments == "(float32[3])" and calls == 2
    assert "item()" in why and "return x * x.sum().item()" in why and "test_explain.py" in why
    text = str(report).replace("\n    ", " ")
    assert "refused for (float32[3])" in text and "return x * x.sum().item()" in text


def test_recompilations_have_causes():
    @torch.compile
    def twice(x):
        return x + x

    for n in (4, 4, 4, 5, 5, 5, 6):
        twice(torch.ones(n))
    report = twice.explain(time=False)
    assert [v.arguments for v in report.variants] == ["(float32[5])", "(float32[4])"]
    causes = list(report.recompilations)
    assert len(causes) == 2 and causes[0].startswith("called with (float32[5]), compiled for (float32[4]), at ")
    assert "test_explain.py" in causes[0]
    assert list(report.pending) == ["(float32[6])"]


def test_a_branch_is_a_guard():
    @torch.compile
    def either(x):
        return x * 2 if x.sum() > 0 else x

    for _ in range(3):
        either(torch.ones(3))
    report = either.explain()
    assert any("sum(argument 0) > 0" in guard for guard in report.variants[0].guards)
    either(-torch.ones(3))
    assert any("branches on" in cause for cause in either.explain(time=False).recompilations)


def test_a_function_with_the_name_of_a_method():
    """The compiled function is found by its own code: what it keeps for itself must not count as a change."""
    weight = torch.ones(3)
    names = {"torch": torch, "weight": weight}
    exec("@torch.compile\ndef sum(x):\n    return (x * weight).sum()\n", names)
    for _ in range(5):
        names["sum"](weight)
    assert len(names["sum"].compiled.variants) == 1 and names["sum"].compiled.variants[0].runs == 3


def test_guards_that_made_up_arguments_do_not_meet():
    @torch.compile
    def large(x):
        return x * 2 if x.sum() > 1000 else x

    for _ in range(3):
        large(torch.full((3,), 1000.0))
    program = large.explain().variants[0].forward
    assert program.problem and program.seconds is None and all(step.seconds is None for step in program.steps)
    assert "not measured: a number that the program branches on" in str(large.explain())


def test_several_threads_and_an_embedding():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        table = nn.Embedding(50, 8)

        @torch.compile
        def looked_up(i):
            return table(i).sum(1)

        for _ in range(4):
            looked_up(torch.randint(0, 50, (6, 3))).sum().backward()
        report = looked_up.explain()
        variant = report.variants[0]
        assert "2 threads" in variant.modes and report.machine.threads == 2
        assert variant.backward.problem is None
        assert variant.backward.of("scatter")[0].flops == 6 * 3 * 8
    finally:
        torch.set_num_threads(before)


def test_it_begins_with_lines_that_a_newcomer_understands(explained):
    first, second, *slowest = str(explained[0]).partition("\n\n")[0].split("\n")
    assert first.startswith("training.<locals>.train is compiled: ") and " calls ran compiled, " in first
    assert second.startswith("how much faster that is: ")
    assert [line.split(":")[0] for line in slowest] == ["slowest line", "second", "third"][: len(slowest)] and len(slowest) > 1
    assert all("test_explain.py:" in line for line in slowest)


def test_how_much_faster_it_is_can_be_measured():
    model, _, train, x, y = training()
    before = model[0].weight.detach().clone()
    report = train.explain(time=False, eager=(x, y))
    assert report.speed.compiled > 0 and report.speed.eager > 0
    assert f"it is {report.speed.eager / report.speed.compiled:.1f} times as fast: " in str(report)
    assert not torch.equal(before, model[0].weight)  # both ways were really called


def test_times_by_line_and_by_module_add_up_to_the_steps(explained):
    report = explained[0]
    total = report.variants[0].forward.seconds
    for table in (report.by_line(), report.by_module()):
        assert np.isclose(sum(row.seconds for row in table), total) and np.isclose(table.total, total)
        assert [row.seconds for row in table] == sorted((row.seconds for row in table), reverse=True)
    lines = {row.what.partition(": ")[2]: row for row in report.by_line()}
    assert lines["loss = F.cross_entropy(model(x), y)"].forward > 0
    assert lines["loss = F.cross_entropy(model(x), y)"].backward > 0
    assert lines["made.step()"].backward == 0 < lines["made.step()"].forward
    assert {"0 (Linear)", "1 (ReLU)", "2 (Linear)"} <= {row.what for row in report.by_module()}


def test_shares_are_of_one_run(explained):
    report = explained[0]
    section, table = report.variants[0].forward, report.by_line()
    first = next(row for row in table if "test_explain.py:" in row.what)
    slowest = next(line for line in str(report).split("\n") if line.startswith("slowest line: "))
    assert slowest.startswith(f"slowest line: {first.seconds / section.seconds:.0%} of a measured run of ")
    (rest,) = (row for row in table if row.what.startswith("the rest"))
    assert np.isclose(rest.seconds, section.rest) and f"{section.rest / section.seconds:.1%}" in str(table)


def test_every_call_is_counted_once_and_those_that_measure_are_not():
    layer = nn.Linear(4, 4)

    @torch.compile
    def f(x):
        return (layer(x) ** 2).sum()

    def first():
        return str(f.explain(time=False)).split("\n")[0].partition(": ")[2]

    for _ in range(5):
        f(torch.ones(2, 4))
    assert first() == "3 calls ran compiled, 2 as usual, to be recorded"
    for n in (3, 5):
        f(torch.ones(n, 4))
    assert first() == "3 calls ran compiled, 4 as usual, to be recorded"
    with torch.autograd.set_detect_anomaly(True):
        f(torch.ones(2, 4))
    assert first() == "3 calls ran compiled, 5 as usual, 4 of them to be recorded"
    report = f.explain(time=False, eager=torch.ones(7, 4))
    assert report.speed.compiled > 0 and not any("[7, 4]" in why for why in report.recompilations)
    assert first().startswith("3 calls ran compiled, 5 as usual")
    f(torch.ones(2, 4))
    assert first().startswith("4 calls ran compiled, 5 as usual")


def test_a_refusal_is_told_once():
    @torch.compile
    def f(x):
        return x * x.sum().item()

    with warnings.catch_warnings(action="ignore"):
        for _ in range(5):
            f(torch.ones(3))
    (line,) = [line for line in str(f.explain()).split("\n") if "float32[3]" in line]
    assert line.startswith("refused for (float32[3]): ") and line.endswith(" calls since)")


def test_what_is_faster_than_memory_was_in_cache():
    assert reached(("memory", 12.01)) == "cache" and reached(("memory", 0.64)) == "memory 64%" and reached(None) == ""
    assert reached(("compute", 0.96)) == "compute 96%"


def test_gradients_belong_to_the_line_of_the_operation():
    """Not to that of backward(), and in a function whose backward pass is a program of its own too."""
    w = torch.ones(64, 64, requires_grad=True)

    @torch.compile
    def f(x):
        y = x @ w
        return y.sin().sum()

    for _ in range(4):
        f(torch.ones(64, 64)).backward()
    (matmul,) = [row for row in f.explain().by_line() if row.what.endswith("y = x @ w")]
    assert matmul.forward > 0 and matmul.backward > 0


def test_steps_that_are_repeated_are_shown_once():
    cell = nn.Linear(8, 8)

    @torch.compile
    def recurrence(h):
        for _ in range(40):
            h = torch.tanh(cell(h))
        return h

    with torch.no_grad():
        for _ in range(4):
            recurrence(torch.ones(4, 8))
    report = recurrence.explain()
    assert len(report.variants[0].forward.steps) >= 40
    assert len(str(report).split("\n")) < 50 and " x the next " in str(report)
    assert " x the next " in str(recurrence.explain(time=False))


def test_a_refusal_says_how_to_write_it_otherwise():
    @torch.compile
    def f(x):
        return x * x.sum().item()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(4):
            f(torch.ones(3))
    first, *rest = str(f.explain()).split("\n")
    assert first.endswith("f is not compiled: it runs as usual")
    assert rest[0].startswith("refused for (float32[3]): ") and rest[1].startswith("  instead: ")


def test_the_page_has_a_box_for_each_step(explained):
    report = explained[0]
    graph = report.graph()
    steps = report.variants[0].forward.steps
    assert len(graph.nodes) == len(steps) and graph.unit == "step"
    assert [box.time for box in graph.nodes] == [step.seconds for step in steps]
    assert any(box.limit for box in graph.nodes) and np.isclose(graph.total, report.variants[0].forward.seconds)
    assert all(p < i for i, box in enumerate(graph.nodes) for p in box.parents)
    assert any(box.parents for box in graph.nodes)
    assert any(name == "linear" for box in graph.nodes for _, rows in box.tables for name, _ in rows)
    assert '"unit":"step"' in report.html()


def test_a_page_without_times(explained):
    graph = explained[3].explain(time=False).graph()
    assert graph.total == 0 and all(box.time is None for box in graph.nodes)


def test_steps_of_the_same_operations_are_added_up_in_long_programs():
    layers = nn.ModuleList(nn.Linear(8 + i, 9 + i) for i in range(30))

    @torch.compile
    def deep(h):
        for layer in layers:
            h = torch.tanh(layer(h))
        return h

    with torch.no_grad():
        for _ in range(4):
            deep(torch.ones(4, 8))
    report = deep.explain()
    steps = report.variants[0].forward.steps
    assert len(steps) > 24
    text = str(report)
    assert len(text.split("\n")) < 50 and f"these are {len(steps)} steps" in text and " x  " in text
    full = report.text(full=True).split("\n")
    assert len(full) > len(steps) and not any("these are" in line for line in full)
    (line,) = [line for line in text.split("\n") if "contraction" in line and " x  " in line]
    contractions = [step for step in steps if step.kind == "contraction"]
    assert line.strip().startswith(f"{len(contractions)} x  contraction") and "4 x 9 x 8 to 4 x 38 x 37" in line


def test_a_function_that_was_not_called_is_not_said_to_run_as_usual():
    @torch.compile
    def f(x):
        return x * 2

    assert "f is not compiled yet" in str(f.explain())


@pytest.mark.parametrize(
    ("program", "advice"),
    [
        (lambda x: torch.from_numpy(np.sin(x.numpy())), "torch.sin for np.sin"),
        (lambda x: x[x > 0].sum(), "torch.where(mask, x, 0)"),
        (lambda x, kept=[]: kept.append(x * 2) or x, "outside of the function"),
    ],
    ids=["numpy", "a mask", "a list"],
)
def test_refusals_of_other_kinds_say_it_too(program, advice):
    f = torch.compile(program)
    with warnings.catch_warnings(action="ignore"):
        for _ in range(3):
            f(torch.ones(3))
    said = str(f.explain())
    assert advice in said and "(1 calls since)" not in said
