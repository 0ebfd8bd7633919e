"""Which statements of a program are found to take a training step."""

import ast
import textwrap

import pytest

from pedigrad.fast.windows import windows


def found(source):
    """The windows of a text: their statements, and where they may begin."""
    source = textwrap.dedent(source)
    return [
        ([ast.unparse(s) for s in w.statements], {s.index: (list(s.parameters), s.results) for s in w.starts})
        for w in windows(ast.parse(source), source, "<text>")
    ]


def statements(source):
    return [each for each, _ in found(source)]


def test_a_step_in_a_loop_is_one_window_from_its_begin_to_the_optimizers_step():
    source = """
    for x, y in data:
        optimizer.zero_grad()
        loss = loss_of(model(x), y)
        loss.backward()
        optimizer.step()
        print(loss.item())
    """
    assert found(source) == [
        (
            ["optimizer.zero_grad()", "loss = loss_of(model(x), y)", "loss.backward()", "optimizer.step()"],
            {0: (["x", "y"], ["loss"]), 1: (["x", "y"], ["loss"]), 2: (["loss"], [])},
        )
    ]


def test_in_a_function_all_its_own_names_are_given():
    source = """
    def train(model, data):
        for x in data:
            loss = model(x).sum() + offset
            loss.backward()
            optimizer.step()
            total = loss.item()
    """
    ((_, starts),) = found(source)
    assert starts[0] == (["model", "x"], ["loss"])  # optimizer and offset are the module's


def test_what_nobody_reads_afterwards_is_not_given_back():
    source = """
    def train(model, x):
        out = model(x)
        loss = out.sum()
        loss.backward()
    """
    ((_, starts),) = found(source)
    assert starts[0] == (["model", "x"], [])


@pytest.mark.parametrize(
    "line",
    [
        "print(1)", "i += 1", "total += loss.item()", "import os", "history.append(loss)", "x = next(batches)", "log = float(loss)",
        "if x.sum() > 0: late = 1", "def f(): pass", "assert_it = self.__private", "t = time.time()",
    ],
)  # fmt: skip
def test_what_no_program_does_ends_a_window(line):
    source = f"for x in data:\n    a = model(x)\n    {line}\n    loss = model(a).sum()\n    loss.backward()\n    step.step()\n"
    source += "    print(late, log)"
    assert statements(source) == [["loss = model(a).sum()", "loss.backward()", "step.step()"]]


def test_steps_under_a_condition_are_a_window_of_their_own():
    source = """
    for i, x in enumerate(data):
        loss = model(x).sum() / 4
        loss.backward()
        if (i + 1) % 4 == 0:
            optimizer.step()
            optimizer.zero_grad()
    """
    assert statements(source) == [["loss = model(x).sum() / 4", "loss.backward()"], ["optimizer.step()", "optimizer.zero_grad()"]]


def test_an_update_written_out_belongs_to_the_step():
    source = """
    for x in data:
        loss = model(x).sum()
        loss.backward()
        with torch.no_grad():
            w -= 0.1 * w.grad
            w.grad.zero_()
        print(loss)
    """
    ((body, _),) = found(source)
    assert len(body) == 3


def test_an_environments_step_is_none():
    assert statements("for i in range(9):\n    state = env.step(policy(state))\n    loss = f(state)\n") == []


@pytest.mark.parametrize(
    "source",
    [
        "def f(x):\n    loss = g(x)\n    def show(): return loss\n    loss.backward()\n",  # another function sees the name
        "def f(x):\n    global loss\n    loss = g(x)\n    loss.backward()\n",
    ],
)
def test_names_that_others_see_meanwhile_are_stored_as_usual(source):
    assert all("loss = g(x)" not in body for body in statements(source))


def test_what_is_stored_under_a_condition_keeps_its_value_else():
    source = """
    def train(x, scale):
        y = x
        for _ in range(3):
            y = y * w
        if x.ndim > 1:
            scale = 0.5
        loss = y.sum() * scale
        loss.backward()
        return scale, y
    """
    ((_, starts),) = found(source)
    assert starts[0] == (["scale", "x"], ["scale", "y"])
    assert starts[1] == (["scale", "x", "y"], ["scale", "y"])


def test_a_name_that_was_deleted_is_not_sure_to_have_a_value():
    source = "def f(x, a):\n    del a\n    if x.ndim:\n        a = 1\n    loss = x.sum()\n    loss.backward()\n    return a\n"
    assert statements(source) == [["loss = x.sum()", "loss.backward()"]]


def test_where_all_names_are_looked_at_all_are_given_back():
    source = "def f(x):\n    y = g(x)\n    loss = y.sum()\n    loss.backward()\n    return locals()\n"
    ((_, starts),) = found(source)
    assert starts[0][1] == ["loss", "y"]


def test_slices_by_numbers_that_change_are_taken_before():
    source = """
    for i in range(0, 100, size):
        loss = loss_of(model(x[i : i + size]), y[i : i + size], mask[:, :-1])
        loss.backward()
    """
    ((_, starts),) = found(source)
    assert starts[0] == (["_slice_0", "_slice_1"], [])


def test_coroutines_are_left_alone():
    assert statements("async def f(x):\n    loss = g(x)\n    loss.backward()\n") == []
