"""What backward does: accumulation, graphs kept and freed, hooks, depth."""

import gc
import weakref

import pytest

import pedigrad as torch


def leaf(*values):
    return torch.tensor(values, requires_grad=True)


def same(tensor, values):
    return tensor is not None and tensor.tolist() == values


# Accumulation


def test_gradients_accumulate():
    x = leaf(1.0, 2.0)
    for k in (1, 2, 3):
        (x * x).sum().backward()
        assert same(x.grad, [2.0 * k, 4.0 * k])


def test_the_first_gradient_is_its_own_array():
    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    start = torch.ones(2)
    (x + y).backward(start)
    start.fill_(7.0)
    x.grad.fill_(5.0)
    assert same(x.grad, [5.0, 5.0]) and same(y.grad, [1.0, 1.0])


def test_one_tensor_used_twice():
    x = leaf(3.0)
    y = x * x + x
    (y * y).backward()
    assert same(x.grad, [2 * 12 * 7.0])


def test_shared_subgraph_is_walked_once():
    x = leaf(1.0)
    y = x
    for _ in range(64):  # 2**64 paths
        y = y + y
    y.backward()
    assert same(x.grad, [2.0**64])


def test_two_losses_share_a_graph():
    x = leaf(2.0)
    shared = x * x
    a, b = (shared * 3.0).sum(), (shared * shared).sum()
    a.backward(retain_graph=True)
    assert same(x.grad, [12.0])
    b.backward()
    assert same(x.grad, [12.0 + 4 * 8.0])


def test_several_roots():
    x = leaf(2.0)
    torch.autograd.backward([(x * 2.0).sum(), x * x], [None, torch.tensor([10.0])])
    assert same(x.grad, [42.0])


def test_gradient_is_cast_and_summed_to_the_leaf():
    x = torch.ones(3, 1, requires_grad=True)
    y = torch.ones(2, 1, 4, dtype=torch.float64, requires_grad=True)
    (x * y).sum().backward()
    assert x.grad.dtype == torch.float32 and x.grad.tolist() == [[8.0]] * 3
    assert y.grad.dtype == torch.float64 and y.grad.shape == (2, 1, 4)


def test_scalars_and_empty_tensors():
    x = torch.tensor(3.0, requires_grad=True)
    (x * x).backward()
    assert x.grad.shape == () and x.grad.item() == 6.0
    y = torch.zeros(0, 3, requires_grad=True)
    y.sum().backward()
    assert y.grad.shape == (0, 3)


def test_gradient_argument():
    x = leaf(1.0, 2.0)
    (x * 3.0).backward(gradient=torch.tensor([1.0, 10.0]))
    assert same(x.grad, [3.0, 30.0])


# Keeping and freeing the graph


def test_the_graph_is_freed():
    x = leaf(1.0, 2.0)
    y = (x * x).sum()
    y.backward()
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        y.backward()


def test_a_graph_that_saved_nothing_can_be_walked_again():
    x = leaf(1.0, 2.0)
    y = (x + x).sum()
    y.backward()
    y.backward()
    assert same(x.grad, [4.0, 4.0])


def test_retain_graph():
    x = leaf(1.0, 2.0)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert same(x.grad, [4.0, 8.0])
    with pytest.raises(RuntimeError):
        y.backward()


def test_intermediate_results_die():
    x = torch.ones(1000, requires_grad=True)
    y = x + 1.0
    z = (y + 2.0).sum()
    gone = weakref.ref(y)
    del y
    gc.collect()
    assert gone() is None
    z.backward()
    assert x.grad.sum().item() == 1000.0


def test_the_graph_dies_with_its_root_without_the_collector():
    x = torch.ones(3, requires_grad=True)
    gc.disable()
    try:
        y = (x * 2.0).exp()
        gone = weakref.ref(y.grad_fn)
        del y
        assert gone() is None
    finally:
        gc.enable()


# create_graph, grad()


def test_create_graph():
    x = leaf(2.0)
    y = (x * x * x).sum()
    (g,) = torch.autograd.grad(y, x, create_graph=True)
    (h,) = torch.autograd.grad(g.sum(), x, create_graph=True)
    (third,) = torch.autograd.grad(h.sum(), x)
    assert (g.tolist(), h.tolist(), third.tolist()) == ([12.0], [12.0], [6.0])
    assert x.grad is None


def test_backward_with_create_graph():
    x = leaf(2.0)
    (x * x * x).sum().backward(create_graph=True)
    assert x.grad.requires_grad
    g = x.grad
    x.grad = None
    g.sum().backward()
    assert same(x.grad, [12.0])


def test_gradients_under_create_graph_share_no_memory():
    x, y = torch.arange(2.0).requires_grad_(), torch.arange(2.0).requires_grad_()
    (x.sum() + y.sum()).backward(create_graph=True)  # one expanded array for both
    (y * y).sum().backward()
    assert x.grad.tolist() == [1, 1] and y.grad.tolist() == [1, 3]


def test_grad_leaves_grad_alone():
    x, y = leaf(2.0), leaf(3.0)
    gx, gy = torch.autograd.grad((x * y).sum(), (x, y))
    assert same(gx, [3.0]) and same(gy, [2.0])
    assert x.grad is None and y.grad is None
    assert not gx.requires_grad


def test_grad_of_an_intermediate_result():
    x = leaf(2.0)
    y = x * x
    z = (y * y).sum()
    gy, gx = torch.autograd.grad(z, (y, x))
    assert same(gy, [8.0]) and same(gx, [32.0])


def test_grad_of_an_output_itself():
    x = leaf(2.0)
    y = (x * x).sum()
    (g,) = torch.autograd.grad(y, y)
    assert g.item() == 1.0


def test_unused_inputs():
    x, unused = leaf(2.0), leaf(1.0)
    y = (x * x).sum()
    with pytest.raises(RuntimeError, match="not have been used in the graph"):
        torch.autograd.grad(y, (x, unused), retain_graph=True)
    gx, none = torch.autograd.grad(y, (x, unused), allow_unused=True, retain_graph=True)
    assert same(gx, [4.0]) and none is None
    _, zero = torch.autograd.grad(y, (x, unused), materialize_grads=True)
    assert same(zero, [0.0])


def test_backward_inputs():
    x, y = leaf(2.0), leaf(3.0)
    (x * y).sum().backward(inputs=[y])
    assert x.grad is None and same(y.grad, [2.0])
    middle = x * x
    (middle * y).sum().backward(inputs=[middle])
    assert same(middle.grad, [3.0]) and x.grad is None
    with pytest.raises(RuntimeError, match="cannot be empty"):
        x.sum().backward(inputs=[])


def test_backward_inputs_that_are_no_leaves_keep_their_gradient():
    x = torch.arange(3.0).requires_grad_()
    y = x * 1
    loss = y.sum()
    loss.backward(inputs=[y], retain_graph=True)
    assert y.retains_grad and y.grad.tolist() == [1, 1, 1] and x.grad is None
    loss.backward()
    assert y.grad.tolist() == [2, 2, 2] and x.grad.tolist() == [1, 1, 1]


def test_materialized_zeros_can_be_differentiated():
    x, y = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    for create in (False, True):
        (g,) = torch.autograd.grad(x.sum(), [y], create_graph=create, materialize_grads=True)
        assert g.tolist() == [0, 0] and g.requires_grad == create


def test_grad_outputs():
    x = leaf(1.0, 2.0)
    (g,) = torch.autograd.grad(x * x, x, grad_outputs=torch.tensor([1.0, 0.5]))
    assert same(g, [2.0, 2.0])


def test_leaves_and_nodes():
    x = leaf(1.0)
    y = x * 2.0
    assert x.is_leaf and x.grad_fn is None and not y.is_leaf and y.requires_grad
    assert y.grad_fn.name() == "MulBackward0"
    (accumulate, _), *_ = y.grad_fn.next_functions
    assert accumulate.name() == "torch::autograd::AccumulateGrad" and accumulate.variable is x
    assert not y.detach().requires_grad and y.detach().is_leaf


def test_detach_cuts():
    x = leaf(3.0)
    (x * x.detach()).sum().backward()
    assert same(x.grad, [3.0])


def test_detach_shares_memory():
    x = leaf(3.0)
    x.detach().mul_(2.0)
    assert x.tolist() == [6.0]


# Hooks


def test_hook_sees_and_replaces_the_gradient():
    x = leaf(1.0, 2.0)
    seen = []
    y = x * 2.0
    handle = y.register_hook(lambda g: seen.append(g.tolist()) or g * 10.0)
    y.sum().backward()
    assert seen == [[1.0, 1.0]] and same(x.grad, [20.0, 20.0])
    handle.remove()
    x.grad = None
    (x * 2.0).sum().backward()
    assert same(x.grad, [2.0, 2.0])


def test_hooks_on_a_leaf_run_once_in_order():
    x = leaf(1.0)
    order = []
    x.register_hook(lambda g: order.append(("first", g.item())))
    x.register_hook(lambda g: order.append(("second", g.item())))
    (x * 2.0 + x * 3.0).backward()
    assert order == [("first", 5.0), ("second", 5.0)]


def test_post_accumulate_hook():
    x = leaf(1.0)
    seen = []
    x.register_post_accumulate_grad_hook(lambda t: seen.append(t.grad.item()))
    (x * 2.0).backward()
    (x * 2.0).backward()
    assert seen == [2.0, 4.0]
    with pytest.raises(RuntimeError):
        (x * 2.0).register_post_accumulate_grad_hook(print)


def test_node_hooks():
    x = leaf(1.0)
    y = x * 2.0
    seen = []
    y.grad_fn.register_hook(lambda inputs, outputs: seen.append((inputs[0].item(), outputs[0].item())))
    y.grad_fn.register_prehook(lambda outputs: (outputs[0] * 3.0,))
    y.backward()
    assert seen == [(6.0, 3.0)] and same(x.grad, [6.0])


def test_hooks_run_under_create_graph():
    x = leaf(3.0)
    y = x * x
    y.register_hook(lambda g: g * x)
    (g,) = torch.autograd.grad(y.sum(), x, create_graph=True)  # x * 2x
    (h,) = torch.autograd.grad(g.sum(), x)
    assert same(g, [18.0]) and same(h, [12.0])


def test_hook_needs_a_gradient():
    with pytest.raises(RuntimeError, match="doesn't require grad"):
        torch.ones(2).register_hook(print)


def test_retain_grad():
    x = leaf(2.0)
    y = x * x
    y.retain_grad()
    assert y.retains_grad and not x.retains_grad
    (y * 3.0).backward()
    assert same(y.grad, [3.0]) and same(x.grad, [12.0])
    with pytest.raises(RuntimeError, match="requires_grad=False"):
        torch.ones(1).retain_grad()


# Depth


def test_a_hundred_thousand_operations():
    x = torch.ones(2, requires_grad=True)
    y = x
    for _ in range(100_000):
        y = y + 1.0
    y.sum().backward()
    assert same(x.grad, [1.0, 1.0])
    del y  # freeing the chain must not recurse either
    gc.collect()


def test_a_deep_chain_that_is_never_walked():
    y = torch.ones(2, requires_grad=True)
    for _ in range(100_000):
        y = y * 1.0
    del y
    gc.collect()


# requires_grad


def test_requires_grad_of_results():
    x, y = torch.ones(2), leaf(1.0, 2.0)
    assert not (x + x).requires_grad and (x + y).requires_grad
    assert not (y > 0.0).requires_grad and not y.argmax().requires_grad


def test_integers_need_no_gradients():
    with pytest.raises(RuntimeError, match="floating point"):
        torch.ones(2, dtype=torch.int64).requires_grad_()
    with pytest.raises(RuntimeError, match="floating point"):
        torch.tensor([1, 2], requires_grad=True)


def test_requires_grad_can_be_changed_on_leaves_only():
    x = leaf(1.0)
    y = x * 2.0
    with pytest.raises(RuntimeError, match="leaf"):
        y.requires_grad = False
    x.requires_grad = False
    assert not (x * 2.0).requires_grad
    y.backward()  # the graph was made before


# What hooks return


@pytest.mark.parametrize("wrong", [1, "a", (torch.ones(2),)])
def test_a_hook_on_a_tensor_returns_a_tensor(wrong):
    for tensor in (leaf(1.0, 1.0), leaf(1.0, 1.0) * 2):
        tensor.register_hook(lambda g: wrong)
        with pytest.raises(TypeError, match="expected Variable, but hook returned"):
            tensor.sum().backward()


@pytest.mark.parametrize("wrong, what", [(torch.ones(3), "size"), (torch.ones(1, 2), "size"), (torch.ones(2).double(), "type")])
def test_a_hook_keeps_size_and_dtype(wrong, what):
    y = leaf(1.0, 1.0) * 2
    y.register_hook(lambda g: wrong)
    with pytest.raises(RuntimeError, match=f"has changed the {what} of value"):
        y.sum().backward()


def test_a_hook_after_accumulation_returns_nothing():
    x = leaf(1.0, 1.0)
    x.register_post_accumulate_grad_hook(lambda p: p.grad)
    with pytest.raises(RuntimeError, match="post accumulate grad hooks should return None"):
        x.sum().backward()


def test_hooks_on_nodes_return_tuples():
    def run(answer, before):
        x = leaf(1.0, 1.0)
        node = (y := x * torch.ones(3, 2)).grad_fn
        (node.register_prehook(lambda g: answer) if before else node.register_hook(lambda a, b: answer))
        y.sum().backward()
        return x.grad

    ones = torch.ones(2)
    assert same(run((ones * 4, None), False), [4.0, 4.0])  # the hook sees the gradient as the operand gets it
    assert same(run((torch.ones(3, 2) * 2,), True), [6.0, 6.0])
    for before, wrong in ((False, ones), (True, ones), (False, [ones, None])):
        with pytest.raises(TypeError, match="expected tuple"):
            run(wrong, before)
    for before, wrong in ((False, (ones,)), (True, (torch.ones(3, 2), None))):
        with pytest.raises(RuntimeError, match="incorrect number of values"):
            run(wrong, before)
    with pytest.raises(RuntimeError, match="can't replace a None gradient"):
        run((ones, torch.ones(3, 2)), False)


# Names of nodes


def test_names_of_nodes_are_pytorchs():
    F = torch.nn.functional
    x, image = torch.rand(4, 4).requires_grad_(), torch.rand(1, 2, 8, 8).requires_grad_()
    expected = {
        "SplitBackward0": x.split(2)[0], "SplitWithSizesBackward0": x.split([1, 3])[1], "SliceBackward0": x.narrow(0, 0, 2),
        "MaxPool2DWithIndicesBackward0": F.max_pool2d(image, 2), "AvgPool2DBackward0": F.avg_pool2d(image, 2),
        "AdaptiveAvgPool2DBackward0": F.adaptive_avg_pool2d(image, 2), "AdaptiveMaxPool2DBackward0": F.adaptive_max_pool2d(image, 2),
        "UpsampleNearest2DBackward0": F.interpolate(image, scale_factor=2),
        "UpsampleBilinear2DBackward0": F.interpolate(image, scale_factor=2, mode="bilinear"), "CeluBackward0": F.celu(x),
        "EluBackward0": F.elu(x), "LogSigmoidBackward0": F.logsigmoid(x), "MmBackward0": x @ x, "SumBackward0": x.sum(),
        "SumBackward1": x.sum(0), "MeanBackward0": x.mean(), "MeanBackward1": x.mean(0), "MedianBackward0": x.median(),
        "MedianBackward1": x.median(0).values,
    }  # fmt: skip
    for name, out in expected.items():
        assert out.grad_fn.name() == name
    out = F.max_pool2d(image, 2)
    out.sum().backward()
    assert type(out.grad_fn).__name__ == out.grad_fn.name() == "MaxPool2DWithIndicesBackward0" and image.grad.sum() == 32
