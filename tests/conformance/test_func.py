"""Derivatives of functions, vmap and modules as functions: what pedigrad gives is what PyTorch gives."""

import collections

import pytest

torch = pytest.importorskip("torch")

import pedigrad  # noqa: E402


def data(t, *shape, start=-1.0, dtype="float64"):
    n = 1
    for size in shape:
        n *= size
    return (t.arange(float(n), dtype=getattr(t, dtype)) * 0.37 + start).reshape(shape)


def plain(value):
    """What can be compared of a result: nested lists of shapes, dtypes, flags and numbers."""
    if isinstance(value, (tuple, list)):
        return [plain(each) for each in value]
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if hasattr(value, "detach"):
        rounded = [round(v, 8) for v in value.detach().double().reshape(-1).tolist()]
        return [tuple(value.shape), str(value.dtype), value.requires_grad, [v + 0.0 for v in rounded]]
    return value


def net(t):
    t.manual_seed(0)
    return t.nn.Sequential(t.nn.Linear(3, 4), t.nn.Tanh(), t.nn.Linear(4, 2)).double()


def maml(t):
    """One inner step of gradient descent, differentiated."""
    w = data(t, 3)

    def loss(w, x):
        return ((x @ w) ** 2).sum()

    def outer(w):
        step = w - 0.1 * t.func.grad(loss)(w, data(t, 2, 3))
        return loss(step, data(t, 4, 3, start=0.2))

    return t.func.grad(outer)(w)


def per_sample(t):
    m = net(t)
    params = {k: v.detach() for k, v in m.named_parameters()}

    def loss(params, x, y):
        return ((t.func.functional_call(m, params, (x,)) - y) ** 2).sum()

    return t.func.vmap(t.func.grad(loss), in_dims=(None, 0, 0))(params, data(t, 5, 3), data(t, 5, 2))


def ensemble(t):
    models = [net(t) for _ in range(3)]
    params, buffers = t.func.stack_module_state(models)
    call = lambda p, b, x: t.func.functional_call(models[0], (p, b), (x,))  # noqa: E731
    return t.func.vmap(call, in_dims=(0, 0, None))(params, buffers, data(t, 2, 3)), params


def under_outer_autograd(t):
    x = data(t, 3).requires_grad_()
    w = data(t, 3, start=0.5).requires_grad_()
    g = t.func.grad(lambda x: (x.sin() * w).sum())(x)
    (g**2).sum().backward()
    return g, x.grad, w.grad


def with_no_grad(t):
    x = data(t, 3)
    with t.no_grad():
        outside = t.func.grad(lambda x: (x**2).sum())(x)

    def inside(x):
        with t.no_grad():
            c = x**2
        return (x**2 - c).sum()

    return outside, t.func.grad(inside)(x)


def nested(t):
    f = lambda x: (x**4).sin()  # noqa: E731
    x = t.tensor(0.7, dtype=t.float64)
    return t.func.grad(t.func.grad(t.func.grad(f)))(x), t.func.jvp(t.func.grad(f), (x,), (t.ones_like(x),))


def products(t):
    out, back = t.func.vjp(lambda x, y: (x * y, {"s": x.sum()}), data(t, 3), data(t, 3, start=0.1))
    return out, back((data(t, 3), {"s": t.tensor(2.0, dtype=t.float64)}))


f = lambda t: lambda x, y: (x.sin() * y).sum(0)  # noqa: E731
PROGRAMS = {
    "grad": lambda t: t.func.grad(lambda x: (x**3).sum())(data(t, 3)),
    "grad by several": lambda t: t.func.grad(lambda x, y, k=2: (x * y * k).sum(), argnums=(0, 1))(data(t, 3), data(t, 3), k=3),
    "grad of a dict": lambda t: t.func.grad(lambda p: (p["a"] * p["b"][0]).sum())({"a": data(t, 2), "b": [data(t, 2, start=3.0)]}),
    "grad_and_value with aux": lambda t: t.func.grad_and_value(lambda x: ((x**2).sum(), x * 2), has_aux=True)(data(t, 3)),
    "unused": lambda t: t.func.grad(lambda x, y: y.sum())(data(t, 3), data(t, 2)),
    "vjp": products,
    "vjp of one": lambda t: t.func.vjp(lambda x: x.sin(), data(t, 3))[1](data(t, 3)),
    "jvp": lambda t: t.func.jvp(
        lambda x, y: (x * y, x.sum()), (data(t, 3), data(t, 3)), (data(t, 3, start=2.0), t.ones(3, dtype=t.float64))
    ),
    "linearize": lambda t: t.func.linearize(t.sin, data(t, 3))[1](data(t, 3)),
    "jacrev": lambda t: t.func.jacrev(f(t), argnums=(0, 1))(data(t, 2, 3), data(t, 2, 3)),
    "jacfwd": lambda t: t.func.jacfwd(lambda x: x.exp().cumsum(0))(data(t, 4)),
    "hessian": lambda t: t.func.hessian(lambda x: (x**3).sum() * x[0])(data(t, 3)),
    "maml": maml,
    "per-sample gradients": per_sample,
    "ensemble": ensemble,
    "under outer autograd": under_outer_autograd,
    "no_grad": with_no_grad,
    "nested": nested,
    "vmap dims": lambda t: t.vmap(lambda x, y: (x * y, x.sum()), in_dims=(1, None), out_dims=(1, 0))(data(t, 2, 3), data(t, 2)),
    "vmap nested": lambda t: t.vmap(t.vmap(t.dot, (None, 0)), (0, None))(data(t, 2, 3), data(t, 4, 3)),
    "vmap of a dict": lambda t: t.vmap(lambda d: {"s": d["a"] + d["b"]}, in_dims=({"a": 0, "b": None},))({"a": data(t, 3), "b": data(t)}),
    "vmap with gradients": lambda t: t.autograd.grad(t.vmap(lambda x: x.sin().sum())(data(t, 2, 3).requires_grad_()).sum(), []) or 0,
    "vmap same numbers": lambda t: t.vmap(lambda x: x + t.rand(()), randomness="same")(t.zeros(3)).unique().numel(),
    "functional.jacobian": lambda t: t.autograd.functional.jacobian(lambda x, y: (x * y, y.sum()), (data(t, 2), data(t, 2))),
    "functional.hessian": lambda t: t.autograd.functional.hessian(lambda x, y: (x * y**2).sum(), (data(t, 2), data(t, 2))),
    "functional.vjp": lambda t: t.autograd.functional.vjp(lambda x: x.exp(), data(t, 3), data(t, 3)),
    "functional.jvp": lambda t: t.autograd.functional.jvp(lambda x: x.exp(), data(t, 3), data(t, 3)),
    "functional.hvp": lambda t: t.autograd.functional.hvp(lambda x: (x**3).sum(), data(t, 3), data(t, 3)),
    "functional.vhp": lambda t: t.autograd.functional.vhp(lambda x: (x**3).sum(), data(t, 3), data(t, 3)),
    "functional create_graph": lambda t: t.autograd.functional.jacobian(lambda x: x**2, data(t, 2).requires_grad_(), create_graph=True),
    "grads batched": lambda t: (lambda x: t.autograd.grad(x**2, x, t.eye(3, dtype=t.float64), is_grads_batched=True))(
        data(t, 3).requires_grad_()
    ),
}


def dual_numbers(t):
    fw = t.autograd.forward_ad
    p, q = data(t, 3).requires_grad_(), data(t, 3, start=0.4).requires_grad_()
    with fw.dual_level():
        x = fw.make_dual(p, q)
        y = (x.sin() * x).cumsum(0)
        parts = fw.unpack_dual(y)
        (g,) = t.autograd.grad(y.sum(), x, retain_graph=True)
        slopes = t.autograd.grad(parts.tangent.sum(), (p, q))
        return parts.primal, parts.tangent, tuple(fw.unpack_dual(g)), slopes, fw.unpack_dual(data(t, 2)).tangent is None


def written_in_place(t):
    def f(x, y):
        z = x.sin()
        z[1] = y * x[0]
        z[2:].mul_(x[1])
        return (z * z).sum()

    return t.vmap(t.func.grad(f, (0, 1)))(data(t, 2, 4), data(t, 2)), t.vmap(lambda x: x.add_(1))(data(t, 2, 3))


def written_tangents(t):
    def f(x, y):
        z = t.zeros(4, dtype=t.float64)
        rest = z[2:]
        z[1] = y * x[0]
        rest.add_(x[1])
        return z * z

    return t.func.jvp(f, (data(t, 4), data(t, 1).sum()), (data(t, 4, start=0.3), data(t, 1).sum()))


def small_net(t):
    return t.nn.Sequential(
        t.nn.Conv2d(1, 4, 3, padding=1), t.nn.ReLU(), t.nn.MaxPool2d(2), t.nn.Conv2d(4, 6, 3), t.nn.GroupNorm(2, 6), t.nn.GELU(),
        t.nn.AdaptiveAvgPool2d(1), t.nn.Flatten(), t.nn.Linear(6, 3),
    )  # fmt: skip


def images(t):
    t.manual_seed(1)
    m = small_net(t).double()
    params = {k: v.detach() for k, v in m.named_parameters()}
    x, y = data(t, 5, 1, 8, 8).sin(), t.arange(5) % 3

    def loss(params, x, y):
        return t.nn.functional.cross_entropy(t.func.functional_call(m, params, (x[None],)), y[None])

    per_sample = t.vmap(t.func.grad(loss), (None, 0, 0))(params, x, y)
    direction = {k: v.cos() for k, v in params.items()}
    along = t.func.jvp(lambda p: t.vmap(loss, (None, 0, 0))(p, x, y), (params,), (direction,))
    return per_sample, along


def custom(t, **options):
    class Cube(t.autograd.Function):
        generate_vmap_rule = "vmap" not in options

        @staticmethod
        def forward(x, k):
            return x**3 * k

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(inputs[0])
            ctx.save_for_forward(inputs[0])
            ctx.k = inputs[1]

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * 3 * x * x * ctx.k, None

        @staticmethod
        def jvp(ctx, tangent, _):
            (x,) = ctx.saved_tensors
            return tangent * 3 * x * x * ctx.k

    if "vmap" in options:
        Cube.vmap = staticmethod(lambda info, in_dims, x, k: (Cube.apply(x.movedim(in_dims[0], 0), k), 0))
    return lambda x: (Cube.apply(x.sin(), 2.0) * x).sum()


def seeded(program):
    def run(t):
        t.manual_seed(5)
        return program(t)

    return run


scalar = lambda t: lambda x: (t.tanh(data(t, 4, 3) @ x) ** 2).sum()  # noqa: E731
PROGRAMS |= {
    "dual numbers": dual_numbers,
    "written in place": written_in_place,
    "written tangents": written_tangents,
    "images": images,
    "hessians of a batch": lambda t: t.vmap(t.func.hessian(scalar(t)))(data(t, 2, 3)),
    "third derivatives": lambda t: t.func.jacfwd(t.func.jacrev(t.func.jacfwd(lambda x: (x.exp() * x.sum()).sum())))(data(t, 2)),
    "reverse over forward": lambda t: t.func.jacrev(t.func.jacfwd(scalar(t)))(data(t, 3)),
    "grad of vmap": lambda t: t.func.grad(lambda w: t.vmap(lambda x: (w * x).sin().sum())(data(t, 3, 2)).prod())(data(t, 2)),
    "jvp of vmap of grad": lambda t: t.func.jvp(t.vmap(t.func.grad(scalar(t))), (data(t, 2, 3),), (data(t, 2, 3, start=0.2),)),
    "an index for each sample": lambda t: t.vmap(lambda x, i, j: (x[i], x[:, j], x.index_select(0, j)))(
        data(t, 2, 4, 3), t.tensor([3, 0]), t.tensor([[0, 2], [1, 1]])
    ),
    "chunks": lambda t: (t.vmap(lambda x: (x * 2, x.sum()), chunk_size=2)(data(t, 5, 2)), t.func.jacrev(t.sin, chunk_size=2)(data(t, 3))),
    "a Function": lambda t: (t.vmap(t.func.grad(custom(t)))(data(t, 2, 3)), t.func.jvp(custom(t), (data(t, 3),), (data(t, 3),))),
    "a Function with vmap": lambda t: t.vmap(t.func.grad(custom(t, vmap=True)))(data(t, 2, 3)),
    "a Hessian of a Function": lambda t: t.func.hessian(custom(t))(data(t, 3)),
    "different numbers": seeded(lambda t: t.vmap(lambda x: t.nn.functional.dropout(x + t.rand(3)), randomness="different")(t.ones(4, 3))),
    "the same numbers": seeded(lambda t: t.vmap(lambda x: t.nn.functional.dropout(x + t.randn(3)), randomness="same")(t.ones(4, 3))),
    "jacobian, vectorized": lambda t: t.autograd.functional.jacobian(
        lambda x, y: (x * y, y.sum()), (data(t, 2), data(t, 2)), vectorize=True
    ),
    "jacobian, forward": lambda t: t.autograd.functional.jacobian(
        lambda x, y: (x * y, y.sum()), (data(t, 2), data(t, 2)), vectorize=True, strategy="forward-mode"
    ),
    "hessian, forward": lambda t: t.autograd.functional.hessian(  # PyTorch leaves it a history that nobody asked for
        lambda x: (x**2 * x.sum()).sum(), data(t, 2), vectorize=True, outer_jacobian_strategy="forward-mode"
    ).detach(),
    "vjp of one": lambda t: t.func.vjp(t.sin, data(t, 3))[1](data(t, 3)),
}


@pytest.mark.parametrize("name", [n for n in PROGRAMS if n != "vmap with gradients"])
def test_a_program_gives_what_pytorch_gives(name):
    assert plain(PROGRAMS[name](pedigrad)) == plain(PROGRAMS[name](torch))


def test_a_tied_weight_is_replaced_everywhere():
    def run(t):
        class Tied(t.nn.Module):
            def __init__(self):
                super().__init__()
                self.a = t.nn.Linear(2, 2)
                self.b = t.nn.Linear(2, 2)
                self.b.weight = self.a.weight

            def forward(self, x):
                return self.b(self.a(x))

        t.manual_seed(0)
        return t.func.functional_call(Tied(), {"a.weight": t.eye(2)}, t.ones(1, 2))

    assert plain(run(pedigrad)) == plain(run(torch))


def NO_JVP(t):
    class Double(t.autograd.Function):
        forward = staticmethod(lambda x: x * 2)
        setup_context = staticmethod(lambda ctx, inputs, output: None)
        backward = staticmethod(lambda ctx, g: g * 2)

    return Double


REFUSED = {
    "grad of no number": lambda t: t.func.grad(lambda x: x)(t.ones(2)),
    "argnums": lambda t: t.func.grad(lambda x: x.sum(), argnums=1)(t.ones(2)),
    "vmap sizes": lambda t: t.vmap(t.dot)(t.ones(2, 3), t.ones(3, 3)),
    "vmap no dims": lambda t: t.vmap(lambda x: x, in_dims=None)(t.ones(2)),
    "vmap dim": lambda t: t.vmap(lambda x: x, in_dims=3)(t.ones(2)),
    "vmap result": lambda t: t.vmap(lambda x: 3)(t.ones(2)),
    "vmap random": lambda t: t.vmap(lambda x: x + t.rand(()))(t.zeros(3)),
    "jvp sizes": lambda t: t.func.jvp(t.sin, (t.ones(2),), (t.ones(3),)),
    "strict": lambda t: t.autograd.functional.jacobian(lambda x: t.ones(2), t.ones(2), strict=True),
    "hessian of no number": lambda t: t.autograd.functional.hessian(lambda x: x, t.ones(2)),
    "argnums twice": lambda t: t.func.jacrev(lambda x, y: (x * y).sum(), (0, 0))(t.ones(2), t.ones(2)),
    "jacrev of complex results": lambda t: t.func.jacrev(lambda x: x * 1j)(t.ones(2)),
    "jacrev of a complex number": lambda t: t.func.jacrev(lambda x: (x * 1j).sum())(t.ones(2)),
    "jacfwd of complex results": lambda t: t.func.jacfwd(lambda x: x * 1j)(t.ones(2)),
    "jacrev of complex arguments": lambda t: t.func.jacrev(lambda x: x.real)(t.ones(2) * 1j),
    "jacfwd of complex arguments": lambda t: t.func.jacfwd(lambda x: x.real)(t.ones(2) * 1j),
    "hessian of complex arguments": lambda t: t.func.hessian(lambda x: x.abs().sum())(t.ones(2) * 1j),
    "jacrev of integers": lambda t: t.func.jacrev(lambda x: x > 0)(t.ones(2)),
    "jacrev of a count": lambda t: t.func.jacrev(lambda x: (x > 0).sum())(t.ones(2)),
    "jacobian of complex results": lambda t: t.autograd.functional.jacobian(lambda x: x * 1j, t.ones(2)),
    "vjp of integers": lambda t: t.func.vjp(lambda x: x > 0, t.ones(2)),
    "vmap of a branch": lambda t: t.vmap(lambda x: x if x.sum() > 0 else -x)(t.ones(2, 3)),
    "vmap of item": lambda t: t.vmap(lambda x: x * x.sum().item())(t.ones(2, 3)),
    "vmap of a write into what is shared": lambda t: t.vmap(lambda x, y: y.add_(x), (0, None))(t.ones(2, 3), t.ones(3)),
    "nested dual levels": lambda t: (t.autograd.forward_ad.enter_dual_level(), t.autograd.forward_ad.enter_dual_level()),
    "make_dual outside": lambda t: (t.autograd.forward_ad.exit_dual_level(), t.autograd.forward_ad.make_dual(t.ones(2), t.ones(2))),
    "jvp without Function.jvp": lambda t: t.func.jvp(NO_JVP(t).apply, (t.ones(2),), (t.ones(2),)),
    "functional_call strict": lambda t: t.func.functional_call(t.nn.Linear(1, 1), {}, t.ones(1, 1), strict=True),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_have_the_same_type(name):
    with pytest.raises(Exception) as theirs:
        REFUSED[name](torch)
    with pytest.raises(theirs.type if theirs.type is not AssertionError else (AssertionError, RuntimeError)):
        REFUSED[name](pedigrad)


def after_a_dual_level(t):
    fw = t.autograd.forward_ad
    p = data(t, 3).requires_grad_()
    with fw.dual_level():
        x = fw.make_dual(data(t, 3), data(t, 3, start=0.4))
        y = x * x
        part = y[1:]
        of_leaf = fw.make_dual(p, data(t, 3)) * 2
        inside = repr(y)
    found = [inside, repr(x), repr(y), y.numpy().tolist(), (y + 1).tolist(), repr(fw.unpack_dual(y)), repr(part)]
    (g,) = t.autograd.grad(of_leaf.sum(), p)
    found += [g.tolist(), t.autograd.functional.jacobian(lambda z: z * y, data(t, 3)).tolist()]
    with fw.dual_level():
        again = fw.make_dual(y, data(t, 3))
        found += [repr(fw.unpack_dual(y * 2)), repr(fw.unpack_dual(again * y)), repr(again)]
    y.add_(1)
    return [*found, y.tolist(), part.tolist(), t.equal(y, y.clone()), y.numpy().shape]


def test_tensors_have_no_tangent_after_their_dual_level():
    assert after_a_dual_level(pedigrad) == after_a_dual_level(torch)


def of_containers(t):
    """What functions of nests of further kinds of containers give."""
    tree = t.utils._pytree
    Pair = collections.namedtuple("Pair", "one other")

    class Box:
        def __init__(self, inside, name):
            self.inside, self.name = inside, name

    tree.register_pytree_node(Box, lambda box: ([box.inside], box.name), lambda values, name: Box(values[0], name))
    x = data(t, 3)
    box = t.vmap(lambda b: Box(b.inside * 2, b.name))(Box(x, "b"))
    pair = t.func.grad(lambda p: (p.one * p.other).sum())(Pair(x, x + 1))
    back = t.func.vjp(lambda b: collections.deque([b.inside**2]), Box(x, "c"))[1](collections.deque([t.ones_like(x)]))[0]
    default = t.func.jacrev(lambda d: d["a"] ** 2)(collections.defaultdict(list, a=x))
    tree._deregister_pytree_node(Box)
    return box.inside, box.name, type(pair).__name__, tuple(pair), back.inside, back.name, type(default).__name__, default["a"]


def test_all_containers_that_are_registered_go_through_functions_of_functions():
    theirs, ours = of_containers(torch), of_containers(pedigrad)
    assert [str(each) for each in ours] == [str(each) for each in theirs]


def test_rows_of_a_jacobian_one_by_one_are_those_of_no_batch():
    def run(t, chunk_size):
        seen = []

        def f(x):
            y = x * x
            y.register_hook(lambda g: seen.append(g.sum().item()))
            return y, (y * x).sum()[None]

        found = t.func.jacrev(f, chunk_size=chunk_size)(data(t, 3))
        return plain(found), seen

    assert run(pedigrad, 1) == run(torch, 1)
    for t in (pedigrad, torch):
        with pytest.raises(RuntimeError, match="item"):
            run(t, 2)
