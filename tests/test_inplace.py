"""Zeroed gradients, and writes in place: what they do to gradients."""

import pytest

import pedigrad as torch


def leaf(*values):
    return torch.tensor(values, requires_grad=True)


def same(tensor, values):
    return tensor is not None and tensor.tolist() == values


# Zeroed gradients


def zeroed(x):
    """Zero the gradient as an optimizer does."""
    torch.optim.SGD([x], lr=0.1).zero_grad(set_to_none=False)


def test_zero_grad_zeroes():
    x = leaf(1.0, 2.0)
    (x * x).sum().backward()
    torch.optim.SGD([x], lr=0.1).zero_grad()
    assert same(x.grad, [0.0, 0.0])


def test_zero_grad_can_set_none():
    x = leaf(1.0, 2.0)
    (x * x).sum().backward()
    torch.optim.SGD([x], lr=0.1).zero_grad(set_to_none=True)
    assert x.grad is None


def test_a_held_gradient_becomes_zeros():
    x = leaf(1.0, 2.0)
    (x * x).sum().backward()
    held = x.grad
    zeroed(x)
    assert same(held, [0.0, 0.0]) and x.grad is held


def test_a_held_array_becomes_zeros():
    x = leaf(1.0, 2.0)
    (x * x).sum().backward()
    held = x.grad.numpy()
    zeroed(x)
    assert held.tolist() == [0.0, 0.0]


def test_a_held_view_becomes_zeros():
    x = leaf(1.0, 2.0)
    (x * x).sum().backward()
    held = x.grad[:1]
    zeroed(x)
    assert same(held, [0.0])


def test_zeroing_is_seen_however_it_is_looked_at():
    x = leaf(1.0, 2.0)
    (x * x).sum().backward()
    zeroed(x)
    (x * 3.0).sum().backward()
    assert same(x.grad, [3.0, 3.0])
    zeroed(x)
    zeroed(x)
    assert same(x.grad, [0.0, 0.0])
    (x * 3.0).sum().backward()
    (x * 3.0).sum().backward()
    assert same(x.grad, [6.0, 6.0])


def test_zeroing_before_create_graph():
    x = leaf(2.0)
    (x * x).sum().backward()
    zeroed(x)
    (x * x * x).sum().backward(create_graph=True)
    assert same(x.grad, [12.0])


def test_zeroing_an_unused_parameter():
    x, unused = leaf(1.0), leaf(1.0)
    unused.grad = torch.ones(1)
    optimizer = torch.optim.SGD([x, unused], lr=1.0)
    optimizer.zero_grad()
    (x * x).sum().backward()
    optimizer.step()
    assert unused.tolist() == [1.0] and same(unused.grad, [0.0])


def test_a_gradient_set_by_hand():
    x = leaf(1.0)
    x.grad = torch.tensor([5.0])
    (x * 2.0).backward()
    assert same(x.grad, [7.0])
    with pytest.raises(RuntimeError, match="size"):
        x.grad = torch.ones(3)
    del x.grad
    assert x.grad is None


# Writes in place


def test_inplace_on_an_intermediate_result():
    x = leaf(1.0, 2.0)
    y = x * 3.0
    y.add_(1.0).mul_(2.0)
    y.sum().backward()
    assert same(x.grad, [6.0, 6.0])


def test_writing_through_a_view():
    x = leaf(1.0, 2.0, 3.0)
    y = x * 1.0
    y[1:].mul_(10.0)
    (y * y).sum().backward()
    assert same(x.grad, [2.0, 400.0, 600.0])


def test_a_view_sees_a_later_write_to_its_base():
    x = leaf(1.0, 2.0)
    y = x * 1.0
    view = y[:1]
    y.mul_(5.0)
    view.sum().backward()
    assert same(x.grad, [5.0, 0.0])


def test_assigning_to_a_region():
    x, v = leaf(1.0, 2.0, 3.0), leaf(7.0)
    y = x * 2.0
    y[0] = v[0]
    (y * y).sum().backward()
    assert same(x.grad, [0.0, 16.0, 24.0]) and same(v.grad, [14.0])


def test_inplace_under_no_grad():
    x = leaf(1.0)
    with torch.no_grad():
        x.sub_(0.5)
    assert x.tolist() == [0.5] and x.is_leaf and x.requires_grad


def test_version_counter():
    x = torch.ones(2)
    before = x._version
    x.add_(1.0)
    x[0] = 3.0
    assert x._version > before


def test_writing_what_was_saved_is_noticed_only_if_needed():
    x = leaf(1.0, 2.0)
    y = x * 2.0
    z = y + 1.0  # saves nothing
    y.mul_(5.0)
    z.sum().backward()
    assert same(x.grad, [2.0, 2.0])


# Views made under no_grad: their base would not get to know of the write


def silent_view(of, make=lambda x: x[1:]):
    with torch.no_grad():
        return make(of)


VIEW_WRITES = {
    "mul_": lambda v, x: v.mul_(x[0] * 5),
    "by a number": lambda v, x: v.add_(1),
    "fill_": lambda v, x: v.fill_(3),
    "copy_": lambda v, x: v.copy_(torch.ones(2)),
    "setitem": lambda v, x: v.__setitem__(0, 7.0),
    "masked_fill_": lambda v, x: v.masked_fill_(torch.tensor([True, False]), 0.0),
    "normal_": lambda v, x: v.normal_(),
    "of a view": lambda v, x: v[:1].mul_(2),
    "out": lambda v, x: torch.add(torch.ones(2), 1, out=v),
}


@pytest.mark.parametrize("write", VIEW_WRITES.values(), ids=VIEW_WRITES)
@pytest.mark.parametrize("is_leaf", [False, True])
def test_views_made_under_no_grad_are_not_written_to(write, is_leaf):
    x = leaf(1.0, 1.0, 1.0)
    base = x if is_leaf else x * 2
    v = silent_view(base)
    before = base.tolist()
    with pytest.raises(RuntimeError, match="A view was created in no_grad mode and is being modified inplace with grad mode enabled"):
        write(v, x)
    assert base.tolist() == before


def test_views_made_under_no_grad_of_what_needs_no_gradient():
    x, base = leaf(1.0, 1.0), torch.zeros(3)
    v = silent_view(base)
    assert same(v.add_(1), [1.0, 1.0])
    with pytest.raises(RuntimeError, match="created in no_grad mode"):
        v.add_(x)
    with torch.inference_mode():
        w = base[1:]
    with pytest.raises(RuntimeError, match="created in no_grad mode"):
        w.add_(x)


def test_views_made_under_no_grad_written_to_there():
    x = leaf(1.0, 1.0, 1.0)
    y = x * 2
    with torch.no_grad():
        y[1:].add_(1)
    v = silent_view(y)
    v.detach().add_(1)
    y[1:].mul_(2)  # another view, made where it is recorded
    y.sum().backward()
    assert same(y, [2.0, 8.0, 8.0]) and same(x.grad, [2.0, 4.0, 4.0])


# Views


def test_writes_through_deep_views_need_no_recursion():
    x = leaf(1.0, 2.0)
    y = view = x * 2
    for _ in range(5_000):
        view = view[:]
    view.mul_(3)
    y.mul_(2)
    (view * y).sum().backward()
    assert same(x.grad, [288.0, 576.0])


@pytest.mark.parametrize("shown", [lambda y: y.unfold(0, 3, 1), lambda y: y.as_strided((3, 2), (1, 1)), lambda y: y.expand(2, 6)])
def test_memory_shown_twice_is_not_changed_in_place(shown):
    y = torch.arange(6.0)
    view = shown(y)
    for write in (lambda: view.add_(1), lambda: view.exp_(), lambda: view.mul_(view), lambda: view.cumsum_(0)):
        with pytest.raises(RuntimeError, match="more than one element"):
            write()
    assert y.tolist() == list(range(6))


def test_strided_memory_that_shows_nothing_twice_is_changed_in_place():
    y = torch.arange(12.0)
    y.as_strided((2, 3), (1, 4)).mul_(-1)
    y.as_strided((2, 2), (3, 2), 2).add_(100)
    assert y.tolist() == [0, -1, 102, 3, 96, 95, 6, 107, -8, -9, 10, 11]


@pytest.mark.parametrize("fill", ["normal_", "uniform_", "random_", "exponential_", "bernoulli_", "log_normal_", "cauchy_", "copy_"])
def test_expanded_tensors_are_not_filled(fill):
    view = torch.zeros(1, 3).expand(2, 3)
    with pytest.raises(RuntimeError, match="more than one element"):
        getattr(view, fill)(*([torch.ones(3)] if fill == "copy_" else []))


def test_retained_gradients_share_no_memory():
    x = leaf(1.0)
    y = x + 0
    z = y + 0
    y.retain_grad(), z.retain_grad()
    z.sum().backward()
    z.grad.zero_()
    assert same(y.grad, [1.0]) and same(x.grad, [1.0])


def test_a_shape_changed_in_place_keeps_the_views_of_what_it_was():
    x = torch.arange(6.0).reshape(2, 3).requires_grad_()
    y = x * 2
    row = y[0]
    y.t_()
    y[0].mul_(3)
    row.add_(1)
    y.sum().backward()
    assert row.tolist() == [1, 3, 5] and y.tolist() == [[1, 18], [3, 8], [5, 10]]
    assert same(x.grad, [[6.0, 2.0, 2.0], [6.0, 2.0, 2.0]])


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_the_output_of_a_recurrent_layer_may_be_overwritten(kind):
    torch.manual_seed(0)
    net = getattr(torch.nn, kind)(3, 2, batch_first=True, dtype=torch.float64)
    x = torch.randn(2, 4, 3, dtype=torch.float64, requires_grad=True)
    keep = torch.tensor([[[1.0], [0.0], [1.0], [0.0]]], dtype=torch.float64)
    (right,) = torch.autograd.grad((net(x)[0] * keep).sum(), x)
    out = net(x)[0]
    out.mul_(keep)
    (given,) = torch.autograd.grad(out.sum(), x)
    assert torch.allclose(given, right)


def test_an_operand_that_is_the_target_itself_may_have_other_dimensions_of_one_element():
    x = torch.tensor([3.0])
    x[...] = x[0]
    y = torch.arange(3.0).reshape(3, 1, 1)
    y[0::1, 0, None] -= y
    assert x.item() == 3 and not y.any()


def test_a_view_whose_shape_is_changed_without_gradients_can_be_written_to():
    x = torch.ones(2, 1, 3, requires_grad=True)
    base = x * 1
    view = base[...]
    with torch.no_grad():
        view.squeeze_()
    view.mul_(2)
    base.sum().backward()
    assert torch.equal(x.grad, torch.full((2, 1, 3), 2.0))


def test_views_of_what_has_another_shape_since_are_refused_and_not_wrong():
    """Their steps lead elsewhere from there."""
    for change, step in ((torch.Tensor.squeeze_, lambda x: x.movedim(0, 0)), (torch.Tensor.t_, lambda x: x.squeeze(-1)[1:2])):
        x = torch.ones(3, 1, requires_grad=True)
        view = step(x)
        with torch.no_grad():
            change(x)
            x[()] = 2.0
        with pytest.raises(RuntimeError, match="shape was changed in place"):
            view.sum()


def test_operations_without_gradients_take_stale_views():
    x = torch.ones(3, requires_grad=True) * 1
    part = x.split(2)[0]
    x.mul_(0)
    assert part.count_nonzero().item() == 0
    with pytest.raises(RuntimeError, match="returns several views"):
        part.sum()
