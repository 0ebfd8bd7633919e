"""Family trees as text: folded by module and by what is repeated, at most a screen."""

import random
import sys

import pytest

import pedigrad as torch
from pedigrad import graph_page, nn
from pedigrad.provenance import text
from pedigrad.provenance.facts import gradient_norm
from pedigrad.provenance.folding import Group, longest_repeat


class Block(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.fc = nn.Linear(n, n)

    def forward(self, x):
        return x + self.fc(x).tanh()


class Model(nn.Module):
    def __init__(self, depth=12):
        super().__init__()
        self.layers = nn.ModuleList([Block(3) for _ in range(depth)])
        self.head = nn.Linear(3, 1)

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return self.head(x)


def rows(family):
    """The lines without their source lines."""
    return [line.partition(" test_family.py")[0].rstrip() for line in family.lines()]


def chain(n):
    x = torch.ones(3, requires_grad=True)
    y = x
    for _ in range(n):
        y = y * 1.001
    return y


def test_repeated_blocks_are_shown_once_with_their_count():
    model = Model()
    assert rows(model(torch.ones(2, 3)).family()) == [
        "(2, 1) float32: 37 operations in 25 modules, 26 leaves of 148 numbers, 600 B saved for backward",
        "    ▾ Model (2, 1)",
        "  1   │ head (Linear): linear (2, 1)  ← weight (1, 3), bias (1,)",
        "  2   ▾ 12 x layers.0…11 (Block) (2, 3)",
        "  3     │ add (2, 3)  and #2",
        "  4     │ tanh (2, 3)",
        "  5     ╵ fc (Linear): linear (2, 3)  from #2  ← weight (3, 3), bias (3,)",
    ]


def test_a_long_chain_takes_a_few_lines():
    """No recursion: there are more operations than Python lets functions nest."""
    y = chain(3 * sys.getrecursionlimit())
    assert len(rows(y.sum().family())) == 4
    assert rows(y.family())[1] == f"  1 │ {3 * sys.getrecursionlimit() - 1} x mul (3,)"


def test_a_loop_of_several_operations_is_one_row_and_its_last_round():
    y = torch.ones(3, requires_grad=True)
    for _ in range(20):
        y = y.tanh()
        y = y * 2
        y = y + 1
    assert rows(y.family())[1:] == [
        "  1 ▾ 19 x add, mul, tanh (3,)",
        "  2   │ add (3,)",
        "  3   │ mul (3,)",
        "  4   ╵ tanh (3,)  from #1",
        "  5 │ add (3,)",
        "  6 │ mul (3,)",
        "  7 ╵ tanh (3,)  ← input (3,)",
    ]


def test_layers_of_other_shapes_are_one_row_that_says_so():
    model = nn.Sequential(*(nn.Sequential(nn.Linear(n, n + 1), nn.Tanh()) for n in range(3, 9)))
    shown = rows(model(torch.ones(2, 3)).family(depth=1))
    assert shown[2].endswith("6 x 0…5 (Sequential) (2, 9) from (2, 4), each tanh, linear")


@pytest.mark.parametrize("lines", [5, 12, 50])
def test_there_are_no_more_lines_than_asked_for(lines):
    torch.manual_seed(0)
    y = torch.ones(3, requires_grad=True)
    for n in torch.randint(0, 4, (500,)).tolist():
        y = (y.tanh, y.exp, y.sin, y.abs)[n]()
    shown = rows(y.family(lines=lines))
    assert len(shown) <= lines + 1
    assert any("operations more:" in line for line in shown)
    assert len(list(Model(3)(torch.ones(2, 3)).family(lines=lines).lines())) <= lines + 1


def test_all_lines_when_asked_for():
    y, choice = torch.ones(3, requires_grad=True), random.Random(0)
    for _ in range(200):
        y = choice.choice((y.tanh, y.exp, y.sin, y.abs, y.cos, y.neg, y.sigmoid))()
    shown = rows(y.family(lines=None))[1:]
    assert len(shown) > 100 and not any("more:" in line for line in shown)


def test_no_line_is_wider_than_a_screen():
    model = nn.Sequential(*(nn.Sequential(Block(3), nn.Tanh()) for _ in range(3)))
    a_variable_with_a_rather_long_name_that_fills_the_line_with_what_nobody_wants_to_read = torch.ones(2, 3)
    loss = model(a_variable_with_a_rather_long_name_that_fills_the_line_with_what_nobody_wants_to_read).sum()
    assert max(map(len, loss.family().lines())) <= 100


def test_what_the_tree_says_of_a_row_is_cut_last():
    class Beside(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.normalization_of_what_comes_in = nn.Linear(3, 3), nn.LayerNorm(3)

        def forward(self, x):
            y = self.first(x)
            z = self.normalization_of_what_comes_in(x)
            return y + z

    out = Beside()(torch.ones(2, 3, requires_grad=True).exp())
    (row,) = (line for line in out.family().lines() if "LayerNorm" in line)
    place = f"test_family.py:{Beside.forward.__code__.co_firstlineno + 2}"
    assert row.endswith(f"native_layer_norm …  from #4  {place}") and len(row) == 100
    (row,) = (line for line in out.family().lines() if "first (Linear)" in line)
    assert "← weight (3, 3), bias (3,)" in row and row.endswith("…")
    assert text.shortened("a" * 90, "  from #5", "  ← weight (3,)", 60) == "a" * 50 + "…" + "  from #5"
    assert text.shortened("a" * 40, "  from #5", "  ← weight (3,)", 60) == "a" * 40 + "  from #5  ← weight…"


def test_what_is_asked_for_and_is_not_there_is_said():
    model, w = Model(3), torch.ones(3, requires_grad=True)
    out = model(torch.ones(2, 3) * w)
    assert rows(out.family(modules="layer9"))[1].startswith("modules: none of 'layer9' ran an operation: there are layers.0, layers.0.fc, ")
    assert rows((w * 2).family(modules="a"))[1] == "modules: none of 'a' ran an operation: there are no modules within others"
    assert rows(out.family(until=torch.ones(3)))[1] == "until: it did not come from that"
    assert rows(out.family(until=[w, torch.ones(3), torch.ones(3)]))[1] == "until: it did not come from 2 of these"
    for asked in ({"modules": "layers"}, {"modules": "layers.2.fc"}, {"modules": ["head"]}, {"until": w}):
        assert "not" not in rows(out.family(**asked))[1] and "none" not in rows(out.family(**asked))[1]


def test_what_is_led_to_is_open_first():
    model = Model(8)
    x = torch.ones(2, 3)
    for wanted in (model.layers[1].fc.weight, model.layers[7].fc.weight):
        assert "← weight (3, 3)" in str(model(x).family(to=wanted, lines=18))
    assert "← weight (3, 3)" not in str(model(x).family(to=model.layers[0].fc.weight, depth=1))


def test_depth_says_how_far_modules_are_opened():
    out = Model()(torch.ones(2, 3))
    assert len(rows(out.family(depth=0))) == 2
    assert len(rows(out.family(depth=1))) == 4


def test_modules_can_be_left_out():
    model = Model()
    shown = rows(model(torch.ones(2, 3)).family(modules=False))
    assert shown[1:] == [
        "  1 │ linear (2, 1)  ← head.weight (1, 3), head.bias (1,)",
        "  2 ▾ 12 x add, tanh, linear (2, 3)",
        "  3   │ add (2, 3)  and #2",
        "  4   │ tanh (2, 3)",
        "  5   ╵ linear (2, 3)  from #2  ← layers.11.fc.weight (3, 3), layers.11.fc.bias (3,)",
    ]


def test_a_module_is_opened_by_its_path():
    model = nn.ModuleDict({"a": nn.Sequential(Block(3), nn.Tanh()), "b": nn.Sequential(nn.Tanh(), Block(3))})

    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.parts = model

        def forward(self, x):
            return self.parts["b"](self.parts["a"](x))

    shown = rows(Both()(torch.ones(2, 3)).family(modules="parts.b"))
    assert [line.split("(")[0].strip() for line in shown[1:]] == [
        "▾ Both",
        "▾ parts.b",
        "▾ 1",
        "1       │ add",
        "2       │ tanh",
        "3       │ fc",
        "4     │ 0",
        "5   ╵ parts.a",
    ]


def test_a_module_among_repeated_ones_is_opened_by_its_path():
    model = nn.Sequential(*(Block(3) for _ in range(6)))
    shown = rows(model(torch.ones(2, 3)).family(modules=["2", "4.fc"]))
    heads = [line.strip("│╵ ").split(" (2")[0].strip() for line in shown if "▾" in line]
    assert [each.lstrip("0123456789 ") for each in heads] == ["▾ Sequential", "▾ 6 x 0…5 (Block)", "▾ 4 (Block)", "▾ 2 (Block)"]
    assert sum("weight (3, 3)" in line for line in shown) == 2


def test_until_ends_the_walk_at_an_ancestor():
    x = torch.ones(3, requires_grad=True)
    h = x.exp().sin()
    y = h.tanh() * 2
    assert [node.name() for node in y.family(until=h)] == ["MulBackward0", "TanhBackward0", "SinBackward0"]


def test_to_shows_only_the_paths_between_two_tensors():
    a, b = torch.ones(3, requires_grad=True), torch.ones(3, requires_grad=True)
    y = a.exp() * b.sin().cos()
    family = y.family({"a": a, "b": b}, to=b)
    assert [node.name() for node in family][:3] == ["MulBackward0", "CosBackward0", "SinBackward0"]
    assert [t is b for t in family.leaves] == [True]
    assert "a (3,)" not in str(family) and "b (3,)" in str(family)
    assert str(y.family(to=torch.ones(3, requires_grad=True))) == "it did not come from there"


def test_of_paths_from_a_tensor_other_operands_are_neither_shown_nor_counted():
    w, v, shift = torch.randn(50, 50, requires_grad=True), torch.randn(50, 50, requires_grad=True), torch.randn(50)
    loss = ((torch.randn(1, 50) @ w + shift) @ v).sum()
    whole, part = loss.family(), loss.family(to=w)
    assert "400 B saved" in str(whole) and "400 B saved" in str(part) and "200 B saved" in str(loss.family(to=v))
    assert "← input (1, 50), w (50, 50)" in str(whole)
    assert rows(part)[-1] == "  4 ╵ matmul (1, 50)  ← w (50, 50)"
    assert [box.leaves for box in part.graph().nodes] == ["w", "", "", ""]


def test_leaves_go_by_their_module_a_variable_or_the_names_given():
    w = torch.ones(3, requires_grad=True)
    assert "← w (3,)" in str(w.exp().family())
    assert "← weights (3,)" in str(w.exp().family({"weights": w}))
    layer, x = nn.Linear(3, 1), torch.ones(2, 3)
    assert "← x (2, 3), weight (1, 3), bias (1,)" in str(layer(x).family())
    out = layer(x)
    del layer
    assert "weight (1, 3), bias (1,)" in str(out.family())


def test_leaves_of_a_compiled_function_go_by_their_module():
    model = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 1))
    compiled = torch.compile(lambda x: (model(x) ** 2).sum())
    for _ in range(4):
        loss = compiled(torch.ones(2, 4))
    assert "CompiledBackward ()" in str(loss.family(lines=None))
    assert [operand.name for operand in loss.family().facts.operands(loss.grad_fn)] == ["0.weight", "0.bias", "2.weight", "2.bias"]


def test_leaves_used_outside_of_their_module_go_by_the_variable_it_is_in():
    layer, x = nn.Linear(3, 1), torch.ones(2, 3)
    assert "← layer.weight (1, 3)" in str((layer.weight * 2).family())
    assert "← x (2, 3), weight (1, 3), bias (1,)" in str(layer(x).family())


def test_inputs_that_need_no_gradient_stand_beside_their_operation():
    image, target = torch.ones(2, 3), torch.tensor([0, 1])
    layer = nn.Linear(3, 2)
    loss = nn.functional.cross_entropy(layer(image), target)
    assert "← target (2,)" in str(loss.family())
    assert "← image (2, 3), weight (2, 3), bias (2,)" in str(loss.family())


def test_a_leaf_and_a_tensor_without_history_say_what_they_are():
    assert str(torch.ones(2, requires_grad=True).family()).startswith("leaf ")
    assert str(torch.ones(2).family()) == "no history: a tensor that needs no gradient"
    with torch.no_grad():
        cut = torch.ones(2, requires_grad=True) * 2
    assert str(cut.family()).startswith("no history: computed by mul() under no_grad at ")


def test_another_dtype_than_float32_is_said():
    assert "exp (2,) float64" in str(torch.ones(2, dtype=torch.float64, requires_grad=True).exp().family())


def test_iterating_gives_nodes_youngest_first_and_leaves():
    w = torch.ones(3, requires_grad=True)
    family = (w.exp() + w).family()
    assert [node.name() for node in family] == ["AddBackward0", "ExpBackward0", "torch::autograd::AccumulateGrad"]
    assert len(family) == 3 and family.leaves[0] is w


def test_every_operation_is_in_the_tree_once():
    """Folding loses nothing and repeats nothing, whatever the programs."""
    torch.manual_seed(1)
    model = nn.Sequential(Model(3), nn.Linear(1, 3), Model(2))
    x = torch.ones(2, 3)
    for steps in (1, 2, 7):
        y = x
        for _ in range(steps):
            y = model[1](model[0](y)).sin() + y
        family = model[2](y).family()
        places, stack = [], [family.tree]
        while stack:
            item = stack.pop()
            if isinstance(item, Group):
                assert [i.first for i in item.items] == sorted(i.first for i in item.items)
                stack += item.items
            else:
                places.append(item.first)
        assert sorted(places) == list(range(len(family.ancestors.nodes)))


@pytest.mark.parametrize(("tokens", "found"), [([1, 2, 3], (1, 1)), ([5, 5, 5], (1, 3)), ([1, 2, 2, 2, 1, 2, 2, 2], (4, 8))])
def test_the_stretch_that_covers_most_is_what_repeats(tokens, found):
    assert longest_repeat(tokens, 0) == found


@pytest.mark.parametrize(
    "given", [{"until": 3}, {"to": ["x"]}, {"depth": "a"}, {"depth": -1}, {"lines": 0}, {"modules": 3}, {"modules": [3]}, {"names": 3}]
)
def test_what_family_does_not_take_is_said(given):
    (name,) = given
    with pytest.raises((TypeError, ValueError), match=rf"family\(\): '{name}' must be"):
        (torch.ones(2, requires_grad=True) * 2).family(**given)


def test_operations_have_the_names_that_users_call():
    assert "1 ╵ max ()" in str(torch.ones(2, requires_grad=True).max().family())


def test_operations_that_are_not_public_have_pytorchs_names_of_functions():
    x = torch.ones(1, 1, 4, 4, requires_grad=True)
    assert "max_pool2d_with_indices (1, 1, 2, 2)" in str(nn.MaxPool2d(2)(x).family())
    assert " lstm (" in str(nn.LSTMCell(2, 2)(torch.ones(1, 2))[0].family())

    class Twice(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

    assert "Twice (1, 1, 4, 4)" in str(Twice.apply(x).family())


def test_modules_of_no_other_that_are_repeated_go_by_their_class():
    first, second = Block(3), Block(3)
    assert "2 x Block (1, 3), each tanh" not in str(second(first(torch.ones(1, 3))).family(depth=0))
    assert "2 x Block (1, 3), each add, tanh, linear" in str(second(first(torch.ones(1, 3))).family(depth=0))


def test_where_no_leaf_is_reached_that_is_said():
    h = torch.ones(2, requires_grad=True).exp()
    assert str(h.sin().family(until=h)).startswith("(2,) float32: 2 operations, no leaves")


def test_pictures_call_the_box_of_what_is_repeated_the_other_rounds():
    family = Model(4)(torch.ones(1, 3)).family()
    assert family.dot().count("4 x layers.0…3 (Block)") == 1 and 'label="the other 3"' in family.dot()
    assert family.mermaid().count("4 x layers.0…3 (Block)") == 1 and '["the other 3"]' in family.mermaid()
    assert "4 x layers.0…3 (Block)" in family.svg()


def test_leaves_have_their_names_when_the_model_is_gone():
    def made():
        cell = nn.LSTMCell(2, 2)
        return cell(torch.ones(1, 2))[0].family()

    assert ", weight_ih (8" in str(made())


def test_tensors_have_the_names_that_the_callers_of_a_function_give_them():
    weight = torch.ones(2, requires_grad=True)

    def shown(result):
        return str(result.family())

    assert "← weight (2,)" in shown(weight * 2)


def test_a_page_of_a_program_that_is_over_names_its_tensors(tmp_path, capsys):
    w = torch.ones(2, requires_grad=True)
    graph_page.main("p.py", [], "h", str(tmp_path / "p.html"), lambda *_: {"slope": w, "h": w.exp()})
    assert "← slope (2,)" in capsys.readouterr().out


def test_the_family_of_a_sparse_leaf_and_the_norm_of_a_complex_gradient(tmp_path):
    s = torch.sparse_coo_tensor([[0, 1], [1, 0]], [1.0, 2.0], (2, 2)).requires_grad_()
    loss = torch.sparse.mm(s, torch.ones(2, 2)).sum()
    assert "1 leaf of 4 numbers" in str(loss.family())
    loss.backward(retain_graph=True)
    loss.family().html(tmp_path / "page.html")
    z = torch.tensor([3j, 4.0], requires_grad=True)
    (z.abs() ** 2).sum().backward()
    assert gradient_norm(z._node) == pytest.approx(10.0)
