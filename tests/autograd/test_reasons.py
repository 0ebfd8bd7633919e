"""`why`: the reason for a gradient that is None, zero, huge or not finite, with the line."""

import gc
import sys

import numpy as np
import pytest

import pedigrad as torch
from pedigrad import nn
from pedigrad.autograd import why


def line():
    """The number of the caller's line."""
    return sys._getframe(1).f_lineno


def leaf(*values):
    return torch.tensor(values or (1.0, 2.0, 3.0), requires_grad=True)


def test_a_detached_value_is_named_with_its_line():
    w, v = leaf(), leaf()
    h = w * 2
    cut, at = h.detach(), line()
    loss = (cut * v).sum()
    answer = why(w, loss)
    assert answer.kind == "none" and answer.origin.line == at
    assert "detached" in str(answer) and f":{at}:" in str(answer)


def test_data_cuts_as_detach_does():
    w = leaf()
    cut, at = (h := w * 2).data, line()
    answer = why(w, (cut * h.detach().requires_grad_()).sum())
    assert answer.kind == "none" and answer.origin.line == at and "detached by .data" in str(answer)


def test_what_was_before_a_cut_may_be_gone_and_that_is_said():
    w, v = leaf(), leaf()
    loss = ((w * 2).detach() * v).sum()
    answer = why(w, loss)
    assert answer.kind == "none" and "may be it" in str(answer) and "detached" in str(answer)


def test_no_grad_is_named():
    w, v = leaf(), leaf()
    with torch.no_grad():
        h = w * 2
    answer = why(w, (h * v).sum())
    assert answer.kind == "none" and "mul() under no_grad" in str(answer)


def test_no_grad_is_named_where_what_was_before_it_is_gone_and_a_weight_beside_it_is_not():
    w, layer = leaf(), nn.Linear(3, 3)
    h = w * 2
    with torch.no_grad():
        h = layer(h)
    answer = why(w, (h * leaf()).sum())
    assert answer.kind == "none" and "computed by linear() under no_grad" in str(answer) and "this may be it" in str(answer)
    assert "sum()" not in str(why(layer.weight, (h * leaf()).sum())) and "may be it" not in str(why(layer.weight, (h * leaf()).sum()))


def test_integers_have_no_gradient_and_that_is_said():
    w, v = leaf(), leaf()
    index = (w - 1).argsort()
    answer = why(w, (v[index] * v).sum())
    assert answer.kind == "none" and "gives integers" in str(answer)
    loss = (nn.functional.one_hot((w * 2).argmax(), 3) * v).sum()
    assert "cut off: argmax() gives integers or booleans, which have no gradient, at " in str(why(w, loss))


def test_a_frozen_parameter_says_where_it_was_frozen():
    model = nn.Linear(3, 1)
    model.weight.requires_grad_(False)
    at = line() - 1
    answer = why(model.weight, model(torch.ones(2, 3)).sum())
    assert answer.kind == "none" and "frozen" in str(answer) and answer.origin.line == at


def test_a_parameter_that_is_not_used_is_told_so():
    w, v = leaf(), leaf()
    answer = why(w, (v * v).sum())
    assert answer.kind == "none" and "None of the operations before 'the loss' uses it" in str(answer)


def test_without_a_loss_the_youngest_result_of_the_caller_is_taken():
    w, v = leaf(), leaf()
    old = v.sum()
    loss = (v * v).sum()
    answer = why(w)
    assert "'loss'" in str(answer) and old is not None and loss is not None
    assert why(torch.ones(3)).kind == "none"


def test_before_backward_the_gradient_is_told_and_nothing_is_touched():
    w = leaf()
    loss = (w * w).sum()
    answer = why(w, loss)
    assert answer.kind == "fine" and "from 2 to 6" in str(answer) and "backward() was not called" in str(answer)
    assert w.grad is None
    loss.backward()
    assert w.grad.tolist() == [2, 4, 6]


def test_after_backward_an_intermediate_result_is_told_to_retain():
    w = leaf()
    h = w * 2
    loss = (h * h).sum()
    loss.backward()
    assert "retain_grad" in str(why(h, loss))
    assert why(w, loss).kind == "fine" and "The way from" in str(why(w, loss))


def test_hooks_do_not_run():
    w, seen = leaf(), []
    h = w * 2
    h.register_hook(seen.append)
    why(w, (h * h).sum())
    assert seen == []


def test_dead_relus_are_counted():
    w = leaf()
    h = torch.relu(-w.abs())
    at = line() - 1
    answer = why(w, (h * 3).sum())
    assert answer.kind == "zero" and answer.origin.line == at and "3 of 3 are 0" in str(answer)


@pytest.mark.parametrize("stop", [torch.round, torch.sign, lambda h: h.clamp(9, 10), lambda h: h * 0, lambda h: h.masked_fill(h > 0, 0.0)])
def test_what_stops_a_gradient_is_named(stop):
    w = leaf()
    h = w + 1
    cut = stop(h)
    at = line() - 1
    answer = why(w, (cut * 2).sum())
    assert answer.kind == "zero", str(answer)
    assert "becomes zero" in str(answer)
    assert answer.origin.line in (at, 0) or "<lambda>" in answer.origin.function


def test_a_huge_gradient_is_followed_to_where_it_grows():
    w = leaf()
    h = w * 1e6
    at = line() - 1
    answer = why(w, h.sum())
    assert answer.kind == "huge" and f"by a factor of 1e+06 in mul() at {__file__}:{at}" in str(answer)


def test_a_gradient_that_is_not_finite_is_followed_to_its_rule():
    w = leaf(0.0, 1.0)
    h = torch.sqrt(w)
    at = line() - 1
    answer = why(w, h.sum())
    assert answer.kind == "not finite" and answer.origin.line == at and "begins in sqrt()" in str(answer)


# Values that are not finite


def test_the_first_nan_is_found_behind_a_loss():
    x = leaf(-1.0, 2.0, 3.0)
    shifted = x - 0.5
    y = torch.log(shifted)
    at = line() - 1
    loss = (y * 2).mean()
    answer = why(loss)
    assert answer.kind == "value not finite" and answer.first.origin.line == at
    assert "log() computed it" in str(answer) and "from -1.5 to 2.5" in str(answer) and "1 nan of 3" in str(answer)


def test_a_quotient_names_both_operands():
    x, y = leaf(1.0, 1.0), leaf(0.0, 2.0)
    loss = (x / y).sum()
    assert "div() computed it" in str(why(loss)) and "other from 0 to 2" in str(why(loss))


def test_data_that_are_not_finite_are_told_from_what_an_operation_made():
    model = nn.Linear(2, 1)
    loss = model(torch.tensor([[1.0, float("nan")]])).sum()
    assert "linear() was given it as 'input'" in str(why(loss))


def test_a_parameter_that_is_not_finite_is_named():
    w = leaf(float("inf"), 1.0)
    doubled = w * 2
    at = line() - 1
    answer = why(doubled.sum())
    assert answer.first.origin.line == at
    assert "w, a leaf of shape (2,), has the value itself (1 infinite of 2), which mul() was given at" in str(answer)
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    model[1].weight.data[0, 0] = float("nan")
    said = str(why(model(torch.ones(1, 2)).sum()))
    assert "model.1.weight, a leaf of shape (1, 2), has the value itself (1 nan of 2), which linear() was given in 1 (Linear) at" in said


def test_a_parameter_is_named_by_its_module_where_the_user_has_no_name_for_it():
    def loss():
        model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
        model[1].bias.data[0] = float("nan")
        return model(torch.ones(1, 2)).sum(), model

    def ask(value):
        return str(why(value))

    value, *kept = loss()
    assert kept and "1.bias, a leaf of shape (1,), has the value itself (1 nan of 1)" in ask(value)


def test_overflow_in_an_operation_that_saves_nothing_is_computed_again():
    x, y = leaf(3e38, 1.0), leaf(3e38, 1.0)
    loss = (x + y).sum()
    at = line() - 1
    answer = why(loss)
    assert answer.first.origin.line == at and "add() computed it" in str(answer)


@pytest.mark.parametrize("last", [lambda y: y.double(), lambda y: y.sum(0), lambda y: y.softmax(0) - 1, lambda y: y.to(torch.bfloat16)])
def test_what_was_not_kept_is_computed_again_though_its_dtype_was_not_kept_either(last):
    x = leaf(-1.0, 4.0)
    loss = torch.log(last(x * -1.0) + 0.0).sum()
    said = str(why(loss))
    assert "log() computed it at" in said and "its operands: input from " in said


def test_a_value_of_another_dtype_that_is_not_finite_is_found():
    x = leaf(-1.0, 4.0)
    assert why((torch.log(x).to(torch.bfloat16) * 2).sum()).kind == "value not finite"
    assert why(torch.view_as_complex(torch.log(x)).sum()).kind == "value not finite"


def test_after_backward_nothing_is_left_and_that_is_said():
    x = leaf(-1.0)
    loss = torch.log(x * 1.5).sum()
    loss.backward()
    assert "used it up" in str(why(loss))


def test_detect_anomaly_names_operands_and_the_first_value():
    x = leaf(-1.0, 4.0)
    with pytest.warns(UserWarning, match="Anomaly"), torch.autograd.detect_anomaly():
        loss = torch.sqrt(x).sum()
        at = line() - 1
        with pytest.raises(RuntimeError, match="SqrtBackward0") as caught:
            loss.backward()
    assert "from -1 to 4" in str(caught.value) and "sqrt() computed it" in str(caught.value) and f":{at}" in str(caught.value)


def test_an_infinite_value_and_its_gradient_are_named_before_the_nan_that_they_make():
    torch.manual_seed(0)
    model, x = nn.Linear(4, 1), torch.randn(6, 4)
    with pytest.warns(UserWarning, match="Anomaly"), torch.autograd.detect_anomaly():
        loss = torch.exp(model(x) * 1e4).mean()
        at = line() - 1
        with pytest.raises(RuntimeError, match="AddmmBackward0") as caught:
            loss.backward()
    assert f"before that a gradient became infinite in exp(), run at {__file__}:{at}" in str(caught.value)
    assert "The first value that is not finite: exp() computed it" in str(caught.value)


def test_an_infinite_slope_is_named_before_the_nan_that_it_makes():
    z = leaf(1.0, 2.0)
    with pytest.warns(UserWarning, match="Anomaly"), torch.autograd.detect_anomaly():
        squares = ((z[:, None] - z[None]) ** 2)[..., None].sum(-1)
        loss = torch.sqrt(squares).mean()
        at = line() - 1
        with pytest.raises(RuntimeError, match="PowBackward0") as caught:
            loss.backward()
    assert f"became infinite in sqrt(), run at {__file__}:{at}" in str(caught.value) and "input from 0 to 1" in str(caught.value)


def test_an_infinite_gradient_that_makes_no_nan_is_no_error():
    z = leaf(0.0, 1.0)
    with pytest.warns(UserWarning, match="Anomaly"), torch.autograd.detect_anomaly():
        torch.sqrt(z).sum().backward()
    assert z.grad.tolist() == [float("inf"), 0.5]


def test_only_tensors_have_reasons():
    with pytest.raises(TypeError, match="argument 'x' must be Tensor"):
        why(3)
    w = leaf()
    with pytest.raises(TypeError, match="argument 'loss' must be Tensor, not float"):
        why(w, (w * 2).sum().item())


def test_a_finite_result_is_told_to_be_and_what_can_be_asked():
    w = leaf()
    loss = (w * 2).sum()
    answer = why(loss)
    assert answer.kind == "fine" and "The value of loss is finite, it is 12" in str(answer) and "Ask why(w, loss)" in str(answer)
    other = (leaf() * 2).sum()
    assert other is not None and "is finite" in str(why(loss))
    hidden = w * 3
    assert "or why(hidden, loss)" in str(why(hidden))
    after = hidden.sum()
    assert after is not None and "The gradient of hidden goes from 1 to 1" in str(why(hidden))


def test_a_softmax_of_a_row_that_is_masked_whole_is_explained():
    scores, mask = torch.zeros(2, 3, requires_grad=True), torch.tensor([[0.0, 0.0, 0.0], [-torch.inf] * 3])
    said = str(why(torch.softmax(scores + mask, -1).sum()))
    assert "Of its 2 rows 1 are nan throughout" in said and "came from add() at" in said and "of input from 0 to 0" in said
    said = str(why(torch.softmax(scores.masked_fill(mask < 0, -torch.inf), -1).sum()))
    assert "came from masked_fill() at" in said and "mask true in 3 of 6" in said


def test_a_gradient_of_nan_that_a_mask_covers_becomes_zero_there():
    w = torch.zeros(2, 3, requires_grad=True)
    loss = torch.softmax(w.masked_fill(torch.ones(2, 3, dtype=torch.bool), -torch.inf), -1).log().sum()
    answer = why(w, loss)
    assert answer.kind == "zero" and [line for line in str(answer).splitlines() if "becomes zero" in line] == [
        line for line in str(answer).splitlines() if "It becomes zero in masked_fill() at" in line and "the mask covers it" in line
    ]


def test_a_gradient_of_nan_is_said_to_be_not_finite_before_and_after_the_backward_pass():
    w = leaf()
    loss = (w - 5).sqrt().sum()
    assert str(why(w, loss)).startswith("The gradient of w is not finite: 3 nan of 3.\n")
    loss.backward()
    answer = why(w, loss)
    assert answer.kind == "not finite" and str(answer).startswith("The gradient of w is not finite: 3 nan of 3.\n")


def test_freezing_is_told_in_words_that_hold_of_both_ways():
    model = nn.Linear(2, 1)
    model.weight.requires_grad_(False)
    model.bias.requires_grad = False
    loss = model(torch.ones(1, 2)).sum()
    assert all("frozen (requires_grad was set to False) at" in str(why(p, loss)) for p in model.parameters())


class Root(nn.Module):
    def forward(self, x):
        return torch.sqrt(x * x)


class Rescaled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, g):
        if g.numel() > 3:
            raise KeyError("mine")
        return g.view(5)


class Rescale(nn.Module):
    def forward(self, x):
        return Rescaled.apply(x)  # the forward line


def test_why_names_the_module_beside_the_line():
    model = nn.Sequential(nn.Linear(2, 3), Root())
    x = torch.zeros(1, 2)
    model[0].bias.data.zero_()
    answer = str(torch.why(model[0].weight, model(x).sum()))
    assert "sqrt() in 1 (Root) at" in answer and "input from 0 to 0" in answer
    assert "linear (1, 3)  0 (Linear)  " in answer
    with torch.no_grad():
        cut = model(x)
    assert "computed by linear() under no_grad in 0 (Linear) at" in str(torch.why(cut))


def test_an_error_in_a_gradient_rule_names_the_forward_line_and_module():
    model = nn.Sequential(nn.Linear(2, 3), Rescale())
    with pytest.raises(RuntimeError, match="view") as caught:
        model(torch.ones(1, 2)).sum().backward()
    said = str(caught.value)
    assert "in the gradient of RescaledBackward, run in 1 (Rescale) at" in said and "# the forward line" in said


def test_an_error_of_the_users_in_a_gradient_rule_has_a_note():
    model = nn.Sequential(nn.Linear(2, 3), Rescale())
    with pytest.raises(KeyError) as caught:
        model(torch.ones(2, 2)).sum().backward()
    assert str(caught.value) == "'mine'"
    (note,) = caught.value.__notes__
    assert note.startswith("in the gradient of RescaledBackward, run in 1 (Rescale) at") and "# the forward line" in note


def test_a_second_backward_names_the_module():
    model = nn.Sequential(nn.Linear(2, 3), nn.Sigmoid())
    loss = model(torch.ones(1, 2)).sum()
    loss.backward()
    with pytest.raises(RuntimeError, match=r"made in 1 \(Sigmoid\) at"):
        loss.backward()


def test_a_parameter_is_called_as_the_users_variables_have_it():
    model = torch.nn.Sequential(torch.nn.Linear(3, 2))
    weights = {"w": torch.ones(2, requires_grad=True)}
    loss = (model(torch.ones(1, 3)) * weights["w"]).sum()
    assert torch.why(model[0].weight, loss).text.startswith("The gradient of model.0.weight goes")
    assert torch.why(weights["w"], loss).text.startswith("The gradient of weights['w'] goes")


def test_a_value_that_the_last_operation_makes_of_finite_ones_is_its():
    scores = torch.zeros(2, 3, requires_grad=True)
    loss = torch.nn.functional.cross_entropy(scores, torch.tensor([0, 0]), ignore_index=0)
    answer = why(loss)
    assert "cross_entropy_loss() computed it at" in str(answer) and "target from 0 to 0" in str(answer)


def test_an_operation_that_may_only_pass_a_nan_on_is_not_blamed_for_it():
    class Rooted(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x / 0

        @staticmethod
        def backward(ctx, g):
            return g

    answer = why(Rooted.apply(leaf()).sum())
    assert "sum() returned it, and what it was given was not saved" in str(answer)


def test_a_compiled_function_is_not_blamed_in_the_words_of_an_operation():
    def compiled(function):
        gc.collect()  # what other tests have left within vmap
        made = torch.compile(function)
        results = [made(w) for _ in range(4)]
        assert made.compiled.runs, str(made.explain())
        return results[-1]

    w = leaf(1.0, 2.0)
    zero, nan = compiled(lambda w: torch.relu(-w).sum()), compiled(lambda w: torch.log(w - 5).sum())
    assert 'set_stance("force_eager")' in str(why(w, zero)) and "multiplies" not in str(why(w, zero))
    assert str(why(nan)).startswith("A compiled function returned it at") and 'set_stance("force_eager")' in str(why(nan))


def test_elements_that_nobody_uses_get_no_gradient_of_their_place():
    rows = leaf(1.0), leaf(2.0)
    loss = torch.stack([rows[0] * 2, rows[1] * 3])[0].sum()
    answer = why(rows[1], loss)
    assert answer.kind == "zero" and "stack()" in str(answer) and "other elements" in str(answer)


def test_a_hook_that_may_change_a_gradient_is_named():
    w = leaf()
    hidden, at = w * 2, line()
    hidden.register_hook(lambda g: g * 0)
    assert f"A hook on the result of mul() at {__file__}:{at}" in str(why(w, hidden.sum()))


def test_rounds_of_a_loop_are_one_row():
    w = leaf(10.0)
    h = w
    for _ in range(30):
        h = h * 11
    said = str(why(w, h.sum()))
    assert "It grows 30 times, most by a factor of 11 in mul()" in said and "30 x mul (1,)" in said and said.count("h = h * 11") == 2


def test_values_taken_out_of_tensors_are_thought_of():
    w, v = leaf(), leaf()
    copied = torch.tensor((w * 2).tolist())
    assert "tolist()" in str(why(w, (copied * v).sum()))


# Growth and shrinking in many operations


def test_a_gradient_that_grows_in_many_modules_is_told_with_its_factor_altogether():
    torch.manual_seed(0)
    model = nn.Sequential(*[nn.Linear(8, 8) for _ in range(30)])
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(8)
    answer = why(model[0].weight, model(torch.ones(2, 8)).sum())
    most = float(f"{np.abs(answer_span(answer)).max():.3g}")
    assert answer.kind == "huge"
    assert f"It grows by a factor of {most:.3g} altogether, over 31 operations in 30 modules" in str(answer)
    assert str(answer).count("in linear() in ") == 3 and f"at {__file__}:" in str(answer)


def test_a_gradient_that_shrinks_in_many_modules_is_told_with_its_factor_altogether():
    torch.manual_seed(0)
    model = nn.Sequential(*[m for _ in range(20) for m in (nn.Linear(8, 8), nn.Sigmoid())])
    answer = why(model[0].weight, model(torch.ones(2, 8)).sum())
    assert answer.kind == "tiny" and "altogether, over 41 operations in 40 modules" in str(answer)
    assert "It shrinks by a factor of 0.2" in str(answer) and "in sigmoid() in " in str(answer)


def answer_span(answer):
    """The two ends of a gradient's range as an answer has them."""
    return [float(x) for x in answer.text.partition("goes from ")[2].partition(".\n")[0].split(" to ")]


def test_one_operation_that_explains_a_huge_gradient_is_told_alone():
    w = leaf()
    loss = (w * 2 * 1e6).sum()
    said = str(why(w, loss))
    assert "by a factor of 1e+06 in mul()" in said and "altogether" not in said


def test_each_round_of_a_loop_is_told_by_its_own_factor():
    w = torch.nn.Parameter(torch.eye(8) * 3)
    h = torch.ones(2, 8)
    for _ in range(40):
        h = h @ w
    said = str(why(w, h.sum()))
    assert "It grows 40 times, most by a factor of 3 in matmul()" in said
    assert "the sum of 40 gradients, whose elements are 8.11e+18 at most" in said and "altogether, over 41 operations" in said


# Reasons for zeros


def zero(x, loss):
    """What is said of a gradient of zeros."""
    answer = why(x, loss)
    assert answer.kind == "zero", str(answer)
    return answer.text.splitlines()[1].partition(" at ")[0] + answer.text.splitlines()[1].partition(": ")[2].partition(": ")[2]


@pytest.mark.parametrize("sums", [lambda x: torch.softmax(x, 0), lambda x: nn.functional.normalize(x, p=1, dim=0).abs()])
def test_a_sum_that_does_not_depend_on_its_operands_is_no_saturation(sums):
    x = leaf(1.0, 1.0, 1.0, 1.0)
    answer = why(x, sums(x).sum())
    assert "saturated" not in str(answer) and ("does not depend on what it was given" in str(answer) or "cancel out" in str(answer))


def test_a_softmax_that_is_saturated_is_said_to_be():
    x = leaf(1.0, 1000.0)
    assert "saturated" in zero(x, torch.softmax(x, 0)[0])
    assert "saturated" in zero(x, torch.softmax(x, 0).sum())


def test_a_softmax_over_one_element_is_named():
    x = leaf(1.0, 2.0)
    assert "a dimension of size 1 (dim=1), where its result is always 1" in zero(x, torch.softmax(x[:, None], 1).sum())


def test_gradients_that_cancel_out_are_told_from_slopes_of_zero():
    x = leaf()
    said = str(why(x, (x - x).sum()))
    assert "arrive at x cancel out (2 of them, with elements of up to 1): the first comes from sub()" in said and "slope" not in said
    h = x * 2
    assert "arrive at the result of mul()" in str(why(x, (h - h).sum()))


@pytest.mark.parametrize("write", [lambda b: b.zero_(), lambda b: b.copy_(torch.ones(3)), lambda b: b.__setitem__(slice(None), 1.0)])
def test_what_is_overwritten_is_said_to_be(write):
    x, buffer = leaf(), torch.zeros(3)
    buffer[:] = x * 2
    write(buffer)
    assert "it overwrites the elements that what comes after it makes use of" in str(why(x, buffer.sum()))


def test_nothing_that_was_picked_is_told():
    x = leaf()
    assert "it was given no elements" in zero(x, x[:0].sum())


def test_a_dropout_of_everything_and_an_index_for_padding_are_named():
    x = leaf()
    assert "p is 1: it drops every element" in zero(x, nn.functional.dropout(x, 1.0).sum())
    table = nn.Embedding(4, 2, padding_idx=0)
    assert "all indices are padding_idx, 0" in zero(table.weight, table(torch.tensor([0, 0])).sum())
    table = nn.Embedding(4, 2, padding_idx=0)
    assert why(table.weight, table(torch.tensor([0, 1])).sum()).kind == "fine"


@pytest.mark.parametrize("factor", [0, torch.zeros(3)])
def test_the_factor_is_named_and_not_what_it_multiplies(factor):
    x = leaf()
    for loss in ((x * factor).sum(), (factor * x).sum()):
        assert "it multiplies by 0" in zero(x, loss) and "from 1 to 3" not in zero(x, loss)
    assert "it multiplies by 0 where a gradient arrives" in zero(x, (x * torch.tensor([0.0, 1.0, 1.0]))[0])


@pytest.mark.parametrize("weights, steps", [(torch.full((2, 2), 0.01), 40), (torch.eye(2) * 0.1, 500)])
def test_a_gradient_that_is_too_small_for_its_dtype_is_told_from_slopes_of_zero(weights, steps):
    w, h = torch.nn.Parameter(weights.clone()), torch.ones(1, 2)
    for _ in range(steps):
        h = torch.tanh(h @ w)
    said = zero(w, h.sum())
    assert "so small (from " in said and "float32 has no number for what is left of it" in said


def test_a_function_of_the_users_that_returns_zeros_is_not_run_again():
    runs = []

    class Stopped(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            runs.append(g)
            return g * 0

    x = leaf()
    assert "its backward() returns zeros" in zero(x, Stopped.apply(x).sum()) and len(runs) == 1


def test_sparse_gradients_have_reasons_too():
    table = nn.Embedding(4, 2, sparse=True)
    assert why(table.weight, table(torch.tensor([1])).sum()).kind == "fine"
    assert "it multiplies by 0" in zero(table.weight, (table(torch.tensor([1])) * 0).sum())


def test_a_gradient_through_vmap_is_explained():
    w, x = leaf(), torch.ones(4, 3)
    at = line() + 1
    dead = torch.func.vmap(lambda row: (-row * w).relu().sum())(x)
    answer = why(w, dead.sum())
    assert answer.kind == "zero" and answer.origin.line == at and "dead ReLUs" in str(answer)
    assert "goes from 4 to 4" in str(why(w, torch.func.vmap(lambda row: (row * w).sum())(x).sum()))


def test_a_sparse_tensor_is_asked_for_as_others_are():
    s = torch.sparse_coo_tensor([[0, 1], [1, 0]], [1.0, 2.0], (2, 2)).requires_grad_()
    loss = torch.sparse.mm(s, torch.ones(2, 2)).sum()
    assert "goes from 0 to 2" in str(why(s, loss))
