"""torch.utils against PyTorch's: trees, checkpoints of activations, handles of hooks, DLPack."""

import collections
import dataclasses
import warnings

import pytest
import torch
from torch.utils import _pytree as their_trees
from two_libraries import Log, normal

import pedigrad
import pedigrad.utils.checkpoint
import pedigrad.utils.data
import pedigrad.utils.dlpack
import pedigrad.utils.hooks
from pedigrad.utils import _pytree as our_trees

TREES = {pedigrad: our_trees, torch: their_trees}
Point = collections.namedtuple("Point", "x y")
VALUES = [
    3,
    None,
    (),
    [],
    {},
    (1, [2, {"a": 3, "b": (4,)}]),
    {"z": 1, "a": [None, 2]},
    Point(1, [2, 3]),
    collections.OrderedDict(b=1, a=(2, 3)),
    collections.defaultdict(list, a=1, b=[2]),
    collections.deque([1, [2]], maxlen=4),
    [collections.UserList([1]), "text", {1, 2}],
    type("Own", (list,), {})([1, 2]),
]


def told(program, library):
    log = Log()
    program(library, TREES[library], log)
    return log


def agree(program):
    assert told(program, pedigrad) == told(program, torch)


@pytest.mark.parametrize("value", VALUES, ids=map(repr, VALUES))
def test_trees(value):
    def program(t, p, log):
        leaves, spec = p.tree_flatten(value)
        log.tell(leaves, spec, spec.num_leaves, spec.num_nodes, spec.num_children, spec.is_leaf(), spec.children())
        log.tell(p.tree_unflatten(leaves, spec), spec == p.tree_structure(value), hash(spec) == hash(p.tree_structure(value)))
        log.attempts(
            lambda: p.tree_map(lambda x: [x], value),
            lambda: p.tree_map(lambda x, y: (x, y), value, value),
            lambda: p.tree_map_only(int, lambda x: x + 1, value),
            lambda: p.tree_map_only((int, str), lambda x: x * 2, value),
            lambda: p.tree_map_only(lambda x: x == 2, lambda x: -x, value),
            lambda: p.tree_map_(lambda x: 0, value) is value,
            lambda: p.tree_leaves(value, is_leaf=lambda x: isinstance(x, tuple)),
            lambda: list(p.tree_iter(value)),
            lambda: p.tree_all(lambda x: x, value),
            lambda: p.tree_any(lambda x: x, value),
            lambda: p.tree_all_only(int, lambda x: x < 3, value),
            lambda: p.tree_any_only(int, lambda x: x > 3, value),
            lambda: p.tree_is_leaf(value),
            lambda: p.tree_leaves_with_path(value),
            lambda: [p.keystr(path) for path, _ in p.tree_flatten_with_path(value)[0]],
            lambda: [p.key_get(value, path) for path, _ in p.tree_leaves_with_path(value)],
            lambda: p.tree_map_with_path(lambda path, x: (p.keystr(path), x), value),
            lambda: p._broadcast_to_and_flatten(7, spec),
            lambda: p.treespec_pprint(spec),
            lambda: spec.unflatten([*leaves, 1]),
        )

    agree(program)


@pytest.mark.parametrize(
    "one, other",
    [
        ([1, 2], [1]),
        ([1, 2], (1, 2)),
        ([1], 3),
        ({"a": 1}, {"b": 1}),
        ({"a": 1, "b": 2}, {"b": 1, "a": 2}),
        ({"a": 1}, collections.OrderedDict(a=2)),
        (Point(1, 2), (1, 2)),
        ([1, [2]], [1, 2]),
        ((1, 2), (3, [4, 5])),
        (collections.deque([1], 3), collections.deque([1], 4)),
    ],
)
def test_trees_of_two(one, other):
    def program(t, p, log):
        spec = p.tree_structure(one)
        keyed = isinstance(one, dict) and list(one) != list(other)  # PyTorch's takes the values as they come
        log.attempts(
            lambda: p.tree_map(lambda a, b: (a, b), one, other),
            lambda: spec.flatten_up_to(other),
            lambda: spec == p.tree_structure(other),
            lambda: keyed or p._broadcast_to_and_flatten(other, spec),
        )

    agree(program)


def test_trees_of_own_classes():
    def program(t, p, log):
        class Pair:
            def __init__(self, a, b):
                self.a, self.b = a, b

        @dataclasses.dataclass
        class Data:
            a: int
            b: list
            c: int = None

        class Fixed:
            def __eq__(self, other):
                return isinstance(other, Fixed)

            def __hash__(self):
                return 1

            def __repr__(self):
                return "Fixed"

        log.tell(p.tree_leaves(Pair(1, 2)) != [1, 2])
        p.register_pytree_node(Pair, lambda x: ([x.a, x.b], None), lambda values, _: Pair(*values))
        p.register_dataclass(Data)
        p.register_constant(Fixed)
        log.tell(p.tree_leaves(Pair(1, [2, 3])), p.tree_map(lambda x: x + 1, Pair(1, 2)).b, p.tree_structure(Pair(1, 2)))
        log.attempts(
            lambda: p.register_constant(object),
            lambda: p.register_pytree_node(Pair, None, None),
            lambda: p.tree_flatten_with_path(Pair(1, 2)),
            lambda: p.tree_leaves_with_path(Data(1, [2])),
            lambda: p.tree_map(lambda x: x + 1, Data(1, [2], 4)),
            lambda: p.tree_leaves([Fixed(), 1]),
            lambda: p.tree_map(lambda x: x + 1, [Fixed(), 1]),
        )

    agree(program)


def test_results_by_name_are_trees():
    def program(t, p, log):
        found = t.tensor([[1.0, 3.0], [4.0, 2.0]]).max(0)
        leaves, spec = p.tree_flatten(found)
        log.tell(leaves, spec, type(p.tree_unflatten(leaves, spec)).__name__, p.tree_flatten(t.Size([1, 2])))

    agree(program)


# --- checkpoints

PROGRAMS = {
    "layers": lambda t, x, w: t.tanh(x @ w).sin() * x,
    "dropout": lambda t, x, w: t.nn.functional.dropout(x @ w, 0.5) * 3,
    "in place": lambda t, x, w: (x * w).mul_(2).sigmoid_().relu(),
    "views": lambda t, x, w: (x @ w).T[1:].exp().reshape(-1)[::2],
    "several": lambda t, x, w: (x.sin(), {"a": [x * w]}, 3),
    "unused": lambda t, x, w: (x.exp(), w.exp())[0],
    "unbind": lambda t, x, w: (x * w).sort(0).values.unbind(0)[0] * 2,
}


@pytest.mark.parametrize("reentrant", [True, False, None])
@pytest.mark.parametrize("name", PROGRAMS)
def test_checkpoint(name, reentrant):
    def program(t, p, log):
        x = (t.arange(9.0).reshape(3, 3) / 7).requires_grad_()
        w = (t.arange(9.0).reshape(3, 3).cos()).requires_grad_()
        calls = []

        def part(x, w):
            calls.append(t.rand(1).item())
            return PROGRAMS[name](t, x, w)

        t.manual_seed(4)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            out = t.utils.checkpoint.checkpoint(part, x, w, use_reentrant=reentrant)
        log.tell([c.category.__name__ for c in caught], len(calls))
        tensors = [each for each in p.tree_leaves(out) if isinstance(each, t.Tensor) and each.requires_grad]
        log.tell(*(each.detach() for each in tensors))
        sum(each.sum() for each in tensors).backward()
        log.tell(x.grad, w.grad, len(calls), len(set(calls)), t.rand(1))

    left, right = told(program, pedigrad), told(program, torch)
    if reentrant is not False and name == "several":
        return  # PyTorch's passes no gradient through containers
    assert left == right


def test_checkpoints_within_checkpoints_and_of_higher_order():
    def program(t, p, log):
        c = t.utils.checkpoint.checkpoint

        def inner(x):
            return (x.sin() * x).exp()

        def outer(x):
            return c(inner, x.cos(), use_reentrant=False) * c(inner, x, use_reentrant=False)

        x = t.tensor([0.3, 0.5], requires_grad=True)
        y = c(outer, x, use_reentrant=False)
        (g,) = t.autograd.grad(y.sum(), x, create_graph=True)
        (gg,) = t.autograd.grad(g.sum(), x)
        log.tell(y, g, gg)

    left, right = told(program, pedigrad), told(program, torch)
    assert [normal(each) for each in left] == [each for each in right]


def test_checkpoint_sequential():
    def program(t, p, log):
        t.manual_seed(2)
        net = t.nn.Sequential(*(layer for _ in range(5) for layer in (t.nn.Linear(4, 4), t.nn.Tanh())))
        x = t.ones(2, 4, requires_grad=True)
        for segments in (1, 2, 3, 10):
            out = t.utils.checkpoint.checkpoint_sequential(net, segments, x, use_reentrant=False)
            out.sum().backward()
            log.tell(out.detach(), x.grad, net[0].weight.grad)

    agree(program)


@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpoint_errors(reentrant):
    def program(t, p, log):
        c = t.utils.checkpoint
        x = t.ones(2, requires_grad=True)
        runs = []

        def other(x):
            runs.append(1)
            return (x * 2).exp() if len(runs) == 1 else (x[:1] * 2).exp()

        def types(f):
            try:
                f()
                log.tell("done")
            except Exception as error:
                log.tell(*(each.__name__ for each in type(error).__mro__ if each.__name__ != "_StopRecomputationError"))

        types(lambda: c.checkpoint(lambda x, by: x * by, x, by=2, use_reentrant=reentrant))
        types(lambda: c.checkpoint(lambda x: x, x, determinism_check="no", use_reentrant=False))
        types(lambda: c.checkpoint_sequential([lambda x: x], 1, x, use_reentrant=reentrant, other=1))
        types(lambda: c.checkpoint(lambda x: 1 / 0, x, use_reentrant=reentrant))
        if not reentrant:
            types(lambda: c.checkpoint(other, x, use_reentrant=False).sum().backward())

    agree(program)


def test_handles_of_hooks():
    for t in (pedigrad, torch):
        table = collections.OrderedDict()
        with t.utils.hooks.RemovableHandle(table) as handle:
            table[handle.id] = 1
        assert not table


def test_dlpack():
    for t in (pedigrad, torch):
        x = t.arange(3)
        y = t.utils.dlpack.from_dlpack(t.utils.dlpack.to_dlpack(x))
        y[0] = 7
        assert x[0] == 7 and t.utils.dlpack.DLDeviceType.kDLCPU == 1
