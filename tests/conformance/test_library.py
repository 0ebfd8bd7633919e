"""Operations that users define, operations on lists, and what programs choose, against PyTorch's."""

import importlib

import pytest
from side_by_side import agree

PROGRAMS = []


def program(function):
    PROGRAMS.append(function)
    return function


@program
def own_operations(torch, tell):
    library = importlib.import_module(torch.__name__ + ".library")
    ns = "conformance_" + torch.__name__

    def cube(x, scale):
        return torch.from_numpy(x.detach().numpy() ** 3) * scale

    cube.__annotations__ = {"x": torch.Tensor, "scale": float, "return": torch.Tensor}
    op = library.custom_op(f"{ns}::cube", cube, mutates_args=())

    @op.register_fake
    def _(x, scale):
        return torch.empty_like(x)

    x = torch.tensor([1.0, 2.0], requires_grad=True)
    tell(op(x, 2.0), op(x, scale=2.0), getattr(torch.ops, ns).cube(x, 2.0), getattr(torch.ops, ns).cube.default(x, 2.0))
    tell.error(lambda: op(x, 2.0).sum().backward())

    def setup(ctx, inputs, output):
        ctx.save_for_backward(inputs[0])
        ctx.scale = inputs[1]

    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * 3 * x * x * ctx.scale, None

    op.register_autograd(backward, setup_context=setup)
    op(x, 2.0).sum().backward()
    tell(x.grad, op(x.detach(), 1.0).requires_grad)

    def fill(x, value):
        x.fill_(value)

    fill.__annotations__ = {"x": torch.Tensor, "value": float, "return": None}
    mutating = library.custom_op(f"{ns}::fill", fill, mutates_args={"x"})
    y = torch.zeros(2)
    mutating(y, 3.0)
    tell(y)
    tell.error(lambda: getattr(torch.ops, ns).nothing)
    tell.error(library.custom_op, "nonamespace", fill, mutates_args=())
    tell(library.infer_schema(cube, mutates_args=()), library.infer_schema(fill, mutates_args={"x"}))


@program
def libraries(torch, tell):
    library = importlib.import_module(torch.__name__ + ".library")
    ns = "conformance_lib_" + torch.__name__
    lib = library.Library(ns, "DEF")
    tell(lib.define("plus(Tensor x, Tensor y) -> Tensor"))
    tell.error(lambda: getattr(torch.ops, ns).plus(torch.ones(2), torch.ones(2)))
    lib.impl("plus", lambda x, y: x + y, "CPU")
    tell(getattr(torch.ops, ns).plus(torch.ones(2), torch.ones(2)))
    library.define(f"{ns}::minus", "(Tensor x) -> Tensor")

    @library.impl(f"{ns}::minus", "cpu")
    def minus(x):
        return -x

    tell(getattr(torch.ops, ns).minus(torch.ones(2)))
    tell(torch.ops.aten.add(torch.ones(2), torch.ones(2)), torch.ops.aten.relu.default(torch.tensor([-1.0, 1.0])))
    tell.error(lambda: torch.ops.aten.nothing)


@program
def lists(torch, tell):
    def some():
        return [torch.tensor([1.0, 4.0]), torch.tensor([[0.5]])]

    for (
        name
    ) in "abs acos ceil cos erf exp expm1 floor frac log log1p neg reciprocal round rsqrt sigmoid sign sin sqrt tan tanh trunc".split():
        x = some()
        tell(name, getattr(torch, f"_foreach_{name}")(x), len(getattr(torch, f"_foreach_{name}_")(x)), x)
    others = [torch.tensor([2.0, 1.0]), torch.tensor([[3.0]])]
    for name in ("add", "sub", "mul", "div", "maximum", "minimum", "clamp_min", "clamp_max", "pow"):
        for other in (others, 2.0, [2.0, 3.0]):
            x = some()
            tell(name, getattr(torch, f"_foreach_{name}")(x, other))
            getattr(torch, f"_foreach_{name}_")(x, other)
            tell(x)
    tell(torch._foreach_add(some(), others, alpha=2), torch._foreach_mul(some(), torch.tensor(3.0)))
    for name in ("addcmul", "addcdiv"):
        call = getattr(torch, f"_foreach_{name}")
        tell(call(some(), others, others), call(some(), others, others, value=0.5), call(some(), others, others, [1.0, 2.0]))
    tell(torch._foreach_lerp(some(), others, 0.25), torch._foreach_lerp(some(), others, others))
    tell(torch._foreach_norm(some()), torch._foreach_norm(some(), 1), torch._foreach_max(some()))
    x = some()
    torch._foreach_copy_(x, others)
    tell(x)
    torch._foreach_zero_(x)
    tell(x)
    tell.error(torch._foreach_add, some(), others[:1])
    tell.error(torch._foreach_exp, [])
    tell.error(torch._foreach_exp, 3)


@program
def choices(torch, tell):
    torch.use_deterministic_algorithms(True, warn_only=True)
    tell(torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled())
    tell(torch.get_deterministic_debug_mode())
    torch.set_deterministic_debug_mode("error")
    tell(torch.get_deterministic_debug_mode(), torch.is_deterministic_algorithms_warn_only_enabled())
    tell.error(torch.set_deterministic_debug_mode, "what")
    torch.use_deterministic_algorithms(False)
    tell(torch.are_deterministic_algorithms_enabled(), torch.get_float32_matmul_precision())
    torch.set_float32_matmul_precision("high")
    tell(torch.get_float32_matmul_precision())
    torch.set_float32_matmul_precision("highest")
    tell(torch.is_warn_always_enabled(), str(torch.get_default_device()))
    torch.set_default_device("cpu")
    tell(torch.ones(2).device.type)
    torch.set_default_device(None)
    torch.set_default_tensor_type(torch.DoubleTensor)
    tell(torch.ones(1), torch.get_default_dtype())
    torch.set_default_tensor_type("torch.FloatTensor")
    tell(torch.ones(1))
    tell.error(torch.set_default_tensor_type, "torch.LongTensor")
    tell.error(torch._assert, False, "no")
    tell.error(torch._check, False, lambda: "no")
    tell.error(torch._check_value, False, lambda: "no")
    torch._assert(torch.tensor(True), "yes")


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda each: each.__name__)
def test_agrees(program):
    agree(program)
