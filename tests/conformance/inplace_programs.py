"""Programs that write in place and through views: functions of the library and of a maker of leaves, `leaf(*shape)`.

Each returns the tensors to compare. Those that are errors are in `inplace_refusals.py`.
"""

PROGRAMS = []


def program(function):
    """A function of the library that returns the tensors to compare; their sum of squares is differentiated."""
    PROGRAMS.append(function)
    return function


# Views and later writes to their base


@program
def base_written_after_a_view(torch, leaf):
    x = leaf(3)
    y = x * 2
    v = y[1:]
    y.mul_(3)
    return v, y


@program
def base_written_after_a_view_of_a_view(torch, leaf):
    x = leaf(3, 4)
    y = x * 2
    v = y[1:].t()
    w = v[2]
    y.mul_(x)
    return w, v


@program
def view_of_a_view_used_first(torch, leaf):
    x = leaf(3, 4)
    y = x * 2
    v = y[1:]
    w, u = v[0], v[1]
    y.exp_()
    a = w * 2
    return a, u, v


@program
def view_written(torch, leaf):
    x = leaf(3, 4)
    y = x * 2
    y[1].mul_(5)
    y[:, 2].add_(y[:, 0])
    return y


@program
def view_of_a_view_written(torch, leaf):
    x, s = leaf(2, 3, 4), leaf(4)
    y = x * 2
    v = y[1]
    w = v[:, 1:3]
    w.mul_(s[:2])
    return y, v, w


@program
def sibling_sees_the_write(torch, leaf):
    x = leaf(4)
    y = x * 1
    a, b = y[:3], y[1:]
    a.mul_(2)
    b.mul_(3)
    a.add_(b)
    return a, b, y


@program
def chain_of_shapes(torch, leaf):
    x = leaf(2, 6)
    y = x + 1
    v = y.view(3, 4).transpose(0, 1).unsqueeze(0).squeeze().unflatten(0, (2, 2)).permute(2, 0, 1)
    v.select(1, 0).mul_(2)
    y.narrow(1, 2, 3).sub_(x[:, :3])
    return v, y


@program
def diagonal_written(torch, leaf):
    x, d = leaf(3, 3), leaf(3)
    y = x * 2
    y.diagonal().copy_(d)
    y.diagonal(1).mul_(d[:2])
    return y


@program
def windows_read_after_a_write(torch, leaf):
    x = leaf(6)
    y = x * 2
    w = y.unfold(0, 3, 2)
    y[2].mul_(4)
    return w


@program
def strided_written(torch, leaf):
    x = leaf(6)
    y = x * 2
    y.as_strided((2, 2), (3, 1), 1).mul_(3)
    return y


@program
def reshape_that_copies(torch, leaf):
    x = leaf(2, 3)
    y = x * 2
    c = y.t().reshape(6)
    c.mul_(3)
    y.add_(1)
    return c, y


@program
def expand_read_after_a_write(torch, leaf):
    x = leaf(3, 1)
    y = x * 2
    e = y.expand(3, 4)
    y.mul_(x)
    return e


# Writing in place


@program
def in_place_keeps_the_graph(torch, leaf):
    x = leaf(3)
    y = x * 2
    z = y + 1
    y.mul_(x).add_(z)
    return y, z


@program
def in_place_into_a_constant(torch, leaf):
    x = leaf(3)
    y = torch.zeros(3, dtype=torch.float64)
    v = y[1:]
    y.add_(x)
    v.mul_(x[1:])
    return y, v


@program
def constant_base_through_its_view(torch, leaf):
    x = leaf(2)
    y = torch.ones(4, dtype=torch.float64)
    v, w = y[:2], y[1:3]
    v.mul_(x)
    return y, v, w


@program
def broadcast_operand(torch, leaf):
    x, s = leaf(2, 3), leaf(1)
    y = x * 2
    y.mul_(s)
    y[0].add_(s)
    return y


@program
def zeroed(torch, leaf):
    x = leaf(3)
    y = x * 2
    y[1:].zero_()
    y[0].fill_(7)
    return y


@program
def zeroed_wholly(torch, leaf):
    x = leaf(3)
    y = x * 2
    y.zero_()
    return y


@program
def copied_into(torch, leaf):
    x, z = leaf(2, 3), leaf(3)
    y = x * 2
    y.copy_(z)
    y[0].copy_(x[1])
    return y


@program
def operand_is_a_view_of_the_target(torch, leaf):
    x = leaf(3, 3)
    y = x * 2
    y.add_(y.t())
    return y


@program
def exponential_saved_result(torch, leaf):
    x = leaf(3)
    y = x * 0.5
    y.exp_()
    z = y.detach()
    return y, z


# Assignment


@program
def assigned_slices(torch, leaf):
    x, v = leaf(4), leaf(2)
    y = x * 2
    y[1:3] = v
    y[0] = v[1]
    y[-1] = 5
    return y


@program
def assigned_broadcast(torch, leaf):
    x, v, s = leaf(3, 4), leaf(1, 1, 4), leaf(1)
    y = x * 2
    y[1] = v
    y[2, 1:] = s
    y[..., 0] = 3
    return y


@program
def assigned_into_zeros(torch, leaf):
    x = leaf(3)
    y = torch.zeros(3, 3, dtype=torch.float64)
    for i in range(3):
        y[i] = x * (i + 1)
        y[i, i] = x[i]
    return y


@program
def assigned_while_views_exist(torch, leaf):
    x, v = leaf(4), leaf(2)
    y = x * 2
    w = y[1:]
    y[1:3] = v
    w[0] = 9
    return y, w


@program
def assigned_through_a_view(torch, leaf):
    x, v = leaf(3, 4), leaf(4)
    y = x * 2
    w = y.t()
    w[:, 1] = v
    w[1][0] = v[2]
    return y, w


@program
def augmented(torch, leaf):
    x, v = leaf(3, 4), leaf(4)
    y = x * 2
    y[0] += v
    y[1:] *= v
    y[:, 2] -= x[:, 1]
    y[..., 1] /= 2
    y[0, 0] += 1
    return y


@program
def assigned_by_mask(torch, leaf):
    x, v = leaf(3, 4), leaf(12)
    y = x * 2
    mask = y > 4
    y[mask] = v[: int(mask.sum())]
    y[mask] *= 2
    y[y > 20] = 0
    return y


@program
def assigned_by_numbers(torch, leaf):
    x, v = leaf(3, 4), leaf(4)
    y = x * 2
    y[torch.tensor([0, 2])] = v
    y[:, [1, 3]] = x[:, :2]
    y[1, torch.tensor([0, 1])] = v[2:]
    y[torch.tensor([0, 1]), torch.tensor([1, 2])] += v[:2]
    return y


@program
def assigned_mixed(torch, leaf):
    x, v = leaf(2, 3, 4), leaf(2, 2)
    y = x * 2
    y[:, 1:, torch.tensor([0, 3])] = v
    y[0, :, [1, 2]] = x[1, :, :2]
    y[None, 1, torch.tensor([0, 1])] = 4
    return y


@program
def index_put_accumulates(torch, leaf):
    x, v = leaf(4), leaf(3)
    y = x * 2
    y.index_put_((torch.tensor([1, 1, 3]),), v, accumulate=True)
    return y


@program
def write_ops_along_a_dimension(torch, leaf):
    x, v = leaf(3, 3), leaf(2, 3)
    y = x * 2
    i = torch.tensor([2, 0])
    y.index_add_(0, i, v)
    y.index_copy_(1, i, v.t())
    y.index_fill_(0, torch.tensor([1]), 2)
    y.scatter_(0, torch.tensor([[0, 1, 2]]), v[:1])
    y.scatter_add_(1, torch.tensor([[0, 0], [1, 2]]), v[:, :2])
    y[1:].masked_fill_(y[1:] > 6, 1)
    y.masked_scatter_(y < 3, x)
    return y


@program
def triangle_in_place(torch, leaf):
    x = leaf(3, 3)
    y = x * 2
    y.tril_()
    y[:2, :2].triu_()
    return y


# What is not tracked


@program
def under_no_grad(torch, leaf):
    x = leaf(3)
    y = x * 2
    with torch.no_grad():
        y[0] = 100
        y.mul_(2)
        x.sub_(1)
    return y, x * 3


@program
def refreshed_under_no_grad(torch, leaf):
    x = leaf(3)
    y = x * 2
    v = y[1:]
    y.mul_(x)
    with torch.no_grad():
        v.sum()
        v + 1
    return v


@program
def through_data(torch, leaf):
    x = leaf(3)
    y = x * x
    x.data.mul_(2)
    x.data[0] = 7
    x.data[1:].add_(1)
    return y, x


@program
def through_detach(torch, leaf):
    x = leaf(3)
    y = x * 2
    z = y + 1
    y.detach().mul_(5)
    return y, z


@program
def detached_write_is_noticed(torch, leaf):
    x = leaf(3)
    y = x * 2
    z = y * y
    y.detach().mul_(5)
    return z


@program
def optimizer_like_step(torch, leaf):
    x = leaf(3)
    (x * x).sum().backward()
    with torch.no_grad():
        x -= 0.1 * x.grad
        x[1] = 4
    x.grad.zero_()
    return x * 2


# Shape changed in place


@program
def unsqueezed_in_place(torch, leaf):
    x = leaf(3)
    y = x * 2
    y.unsqueeze_(0)
    y.mul_(x)
    y.t_()
    y[1].mul_(3)
    return y


@program
def view_reshaped_in_place(torch, leaf):
    x = leaf(2, 3)
    y = x * 2
    v = y[1]
    v.unsqueeze_(0)
    v.mul_(3)
    return y, v
