"""`torch.testing` against PyTorch's: what is close, what the errors say, and random tensors."""

import re

import pytest
from side_by_side import agree

PROGRAMS = []


def program(function):
    PROGRAMS.append(function)
    return function


def shown(text):
    """An error's text with numbers rounded: differences are taken in other precisions."""
    rounded = re.sub(r"\d+\.\d+(e[-+]\d+)?|\d+e[-+]\d+", lambda m: f"{float(m.group()):.3g}", text.partition("\n  at ")[0])
    return rounded.replace("pedigrad.", "torch.").replace("core.tensor.", "")


@program
def comparisons(torch, tell):
    def check(*args, **kwargs):
        try:
            torch.testing.assert_close(*args, **kwargs)
        except Exception as error:
            tell(type(error).__name__, shown(str(error)))
        else:
            tell("close")

    t, nan, inf = torch.tensor, float("nan"), float("inf")
    check(t([1.0, 2.0]), t([1.0, 2.0]))
    check(t([1.0, 2.0]), t([1.0, 2.0 + 1e-6]))
    check(t([1.0, 2.0, 3.0]), t([1.0, 2.0, 4.0]))
    check(t([[1.0, 2.0], [5.0, 3.0]]), t([[1.0, 2.5], [3.0, 4.0]]))
    check(t([1, 2, 3]), t([1, 2, 4]))
    check(t([True, False]), t([True, True]))
    check(t(1.0), t(2.0))
    check(t([1.0]), t([1.0], dtype=torch.float64))
    check(t([1.0]), t([1.0], dtype=torch.float64), check_dtype=False)
    check(t([1.0, 2.0]), t([1.0]))
    check(t([nan]), t([nan]))
    check(t([nan]), t([nan]), equal_nan=True)
    check(t([inf, -inf]), t([inf, -inf]))
    check(t([inf, 1.0]), t([-inf, 1.0]))
    check(torch.ones(2, 3).t(), torch.ones(3, 2), check_stride=True)
    check(t([1.0]), t([1.1]), rtol=0.2, atol=0)
    check(t([1.0]), t([1.1]), rtol=0, atol=0)
    check(t([1.0]), t([1.1]), rtol=0.2)
    check(t([1.0]), t([2.0]), msg="my own")
    check(t([1.0]), t([2.0]), msg=lambda text: "before " + text)
    check(1.0, 2.0)
    check(1, 2)
    check(1, 1.0)
    check(1, 1.0, check_dtype=False)
    check(nan, nan)
    check(1 + 1j, 1 + 2j)
    check(True, False)
    check(None, None)
    check(1, None)
    check("a", "a")
    check(1.0, t(1.0))
    check([t(1.0), t(2.0)], [t(1.0), t(3.0)])
    check((1, [2, {"a": t([1.0])}]), (1, [2, {"a": t([2.0])}]))
    check([1, 2], [1])
    check({"a": 1}, {"a": 2})
    check({"a": 1}, {"b": 1})
    check(t([1.0], dtype=torch.bfloat16), t([1.01], dtype=torch.bfloat16))
    check(t([1.0], dtype=torch.float16), t([1.01], dtype=torch.float16))
    check(t([1 + 1j]), t([1 + 2j]))
    check(torch.nn.Parameter(t([1.0])), t([1.0]))
    check(torch.nn.Parameter(t([1.0])), t([1.0]), allow_subclasses=False)
    check(t([1.0]).numpy(), t([1.0]).numpy())
    check(torch.zeros(0), torch.zeros(0))


@program
def old_name(torch, tell):
    tell.error(torch.testing.assert_allclose, torch.ones(2), torch.ones(2) + 1)
    tell.error(torch.testing.assert_allclose, torch.ones(2), torch.ones(2, dtype=torch.float64))
    tell.error(torch.testing.assert_allclose, 1.0, torch.tensor(1.0))


@program
def random_tensors(torch, tell):
    make = torch.testing.make_tensor
    dtypes = (torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int8, torch.uint8, torch.bool)
    for dtype in (*dtypes, torch.complex64, torch.complex128):
        x = make(3, 4, dtype=dtype, device="cpu")
        tell(x, x.is_contiguous(), make((2, 2), dtype=dtype, device="cpu", exclude_zero=True))
        y = make((2, 3), dtype=dtype, device="cpu", noncontiguous=True)
        tell(y, y.stride())
        if dtype is not torch.bool:
            tell(make((4,), dtype=dtype, device="cpu", low=1, high=3))
    tell(make((2,), dtype=torch.float32, device="cpu", requires_grad=True).requires_grad, make((), dtype=torch.float32, device="cpu"))
    tell.error(make, 2, dtype=torch.int64, device="cpu", requires_grad=True)
    tell.error(make, 2, dtype=torch.float32, device="cpu", low=2, high=1)
    tell.error(make, 2, dtype=torch.uint8, device="cpu", low=-5, high=-1)
    tell(make((1, 2, 3, 4), dtype=torch.float32, device="cpu", memory_format=torch.channels_last).stride())


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda each: each.__name__)
def test_agrees(program):
    agree(program)
