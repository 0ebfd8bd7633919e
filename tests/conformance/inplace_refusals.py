"""Programs with writes in place that are errors, or nearly: see `inplace_programs.py`."""

from inplace_programs import program


@program
def leaf_written(torch, leaf):
    leaf(3).add_(1)


@program
def view_of_a_leaf_written(torch, leaf):
    leaf(3)[0].add_(1)


@program
def leaf_assigned(torch, leaf):
    leaf(3)[0] = 1


@program
def leaf_assigned_by_mask(torch, leaf):
    x = leaf(3)
    x[x > 1] = 1


@program
def unbound_written(torch, leaf):
    y = leaf(3, 2) * 2
    y.unbind(0)[0].mul_(2)


@program
def split_written(torch, leaf):
    y = leaf(4) * 2
    y.split(2)[0].mul_(2)


@program
def view_of_a_chunk_written(torch, leaf):
    y = leaf(4, 2) * 2
    y.chunk(2)[0][0].mul_(2)


@program
def iterated_written(torch, leaf):
    y = leaf(4, 2) * 2
    for row in y:
        row += 1


@program
def tensor_split_written(torch, leaf):
    y = leaf(5) * 2
    y.tensor_split(2)[0].mul_(2)
    return y


@program
def split_after_the_base_was_written(torch, leaf):
    y = leaf(4) * 2
    a, b = y.split(2)
    y.mul_(2)
    return a + b


@program
def split_of_a_constant_written_under_no_grad(torch, leaf):
    y = torch.zeros(4, dtype=torch.float64)
    for part in y.split(2):
        part.add_(1)
    return y + leaf(4)


@program
def saved_operand_written(torch, leaf):
    x = leaf(3)
    y = x * 2
    z = y * y
    y.add_(1)
    return z


@program
def saved_operand_written_through_a_view(torch, leaf):
    x = leaf(3)
    y = x * 2
    z = y * y
    y[1:].add_(1)
    return z


@program
def saved_operand_assigned(torch, leaf):
    x = leaf(3)
    y = x * 2
    z = y * y
    y[0] = 1
    return z


@program
def saved_index_written(torch, leaf):
    x, i = leaf(3), torch.tensor([0, 1])
    y = x[i]
    i.add_(1)
    return y


@program
def leaf_step_between(torch, leaf):
    x = leaf(3)
    y = x * x
    with torch.no_grad():
        x.add_(1)
    return y


@program
def expanded_written(torch, leaf):
    y = leaf(1) * 2
    y.expand(3).add_(1)


@program
def expanded_assigned(torch, leaf):
    y = torch.zeros(1, 3).expand(2, 3)
    y[0] = 1
    y[:] = 2


@program
def too_large_a_value(torch, leaf):
    y = leaf(2, 3) * 2
    y[0] = leaf(2, 3)


@program
def result_wider_than_target(torch, leaf):
    y = torch.ones(3, dtype=torch.int64)
    y.add_(leaf(3))


@program
def result_larger_than_target(torch, leaf):
    y = leaf(3) * 2
    y.add_(leaf(2, 3))
