"""Random tensors and random fills in place, drawn from the generator in PyTorch's order."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .core import inplace, meta, modes
from .core.declare import function
from .core.dispatch import check_overlap, is_recorded
from .core.dtypes import int64
from .core.history import refresh
from .core.layout import drawn_like
from .core.lifted import Lifted
from .core.origin import located
from .core.shapes import as_int, as_shape
from .core.tensor import Tensor, wrap
from .ops.creation import _sizes, factory, numpy_dtype
from .ops.destination import deliver
from .ops.linked import link
from .ops.shape.fill import replaced
from .rng.generator import Generator, default_generator


@function("torch")
def manual_seed(seed: int) -> Generator:
    """Seed the default generator; the numbers that follow are those PyTorch's CPU generator gives for this seed.

    Args:
        seed: an integer of 64 bits; a negative one counts from 2**64 down.

    >>> _ = torch.manual_seed(3)
    >>> a = torch.rand(1)
    >>> _ = torch.manual_seed(3)
    >>> torch.equal(a, torch.rand(1))
    True
    """
    return default_generator.manual_seed(int(seed))


@function("torch")
def seed() -> int:
    """Seed the default generator from the operating system; returns the seed."""
    return default_generator.seed()


@function("torch")
def initial_seed() -> int:
    """The seed the default generator was last given."""
    return default_generator.initial_seed()


@function("torch")
def get_rng_state() -> Tensor:
    """The state of the default generator as a uint8 tensor."""
    return default_generator.get_state()


@function("torch")
def set_rng_state(new_state: Tensor) -> None:
    """Put the default generator into a state that `get_rng_state` returned."""
    default_generator.set_state(new_state._array)


@contextmanager
def fork_rng(
    devices: Any = None, enabled: bool = True, _caller: str = "fork_rng", _devices_kw: str = "devices", device_type: str | None = None
) -> Iterator[None]:  # fmt: skip
    """A context that leaves the default generator as it found it; there are no `devices` with generators of their own."""
    state = default_generator.state_array()
    try:
        yield
    finally:
        if enabled:
            default_generator.set_state(state)


def _from(generator: Generator | None) -> Generator:
    return default_generator if generator is None else generator


@factory
def rand(*size: Any, dtype: Any = None, generator: Any = None) -> Any:
    """Uniform numbers from [0, 1) of shape `size`.

    Args:
        size: the sizes, as numbers or as one tuple.

    Shape: `size`.

    >>> _ = torch.manual_seed(0)
    >>> torch.rand(3)
    tensor([0.4963, 0.7682, 0.0885])
    """
    return _from(generator).uniform(_sizes(size), 0.0, 1.0, numpy_dtype(dtype))


@factory
def randn(*size: Any, dtype: Any = None, generator: Any = None) -> Any:
    """Normal numbers of mean 0 and variance 1, of shape `size`.

    Args:
        size: the sizes, as numbers or as one tuple.

    Shape: `size`.

    >>> _ = torch.manual_seed(0)
    >>> torch.randn(3)
    tensor([ 1.5410, -0.2934, -2.1788])
    """
    return _normal(_from(generator), _sizes(size), numpy_dtype(dtype))


def _normal(
    generator: Generator, shape: tuple[int, ...], kind: np.dtype[Any], mean: float = 0.0, std: float = 1.0, contiguous: bool = True
) -> Any:
    if kind.kind != "c":
        return generator.normal(shape, mean, std, kind, contiguous=contiguous)
    part = np.dtype(f"f{kind.itemsize // 2}")
    return generator.normal((*shape, 2), mean, std * 0.5**0.5, part, contiguous=contiguous).view(kind)[..., 0]


def _whole(low: Any, high: Any) -> tuple[int, int]:
    """Bounds as ints: whole numbers, or tensors of one."""
    low, high = (int(b) if isinstance(b, Tensor) else as_int(b) for b in (low, high))
    return low, high


@factory
def randint(low: Any = 0, high: Any = None, size: Any = None, *, dtype: Any = None, generator: Any = None) -> Any:
    """Integers from [low, high), int64 unless `dtype` is given: `randint(high, size)` or `randint(low, high, size)`.

    Args:
        low: the smallest number, 0 if only one bound is given.
        high: the first number that is too large.
        size: a tuple.

    Shape: `size`.

    Raises:
        RuntimeError: there is no integer from `low` to `high`.

    >>> torch.randint(5, 6, (2,))
    tensor([5, 5])
    """
    if size is None:
        low, high, size = 0, low, high
    elif high is None:
        low, high = 0, low
    low, high = _whole(low, high)
    if low >= high:
        raise RuntimeError(located(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}"))
    return _from(generator).integers(as_shape((size,)), low, high, numpy_dtype(dtype or int64))


@factory
def randperm(n: int, *, dtype: Any = None, generator: Any = None) -> Any:
    """The integers from 0 to n-1 in random order: an order in which to go through a data set.

    Args:
        n: how many numbers.

    Shape: (n,).

    >>> torch.randperm(5).sort().values
    tensor([0, 1, 2, 3, 4])
    """
    return _from(generator).permutation(as_int(n)).astype(numpy_dtype(dtype or int64), copy=False)


@factory
def rand_like(input: Tensor, *, dtype: Any = None, generator: Any = None) -> Any:
    """Uniform numbers from [0, 1), with the shape and dtype of `input`.

    Shape: that of `input`.

    >>> torch.rand_like(torch.zeros(2, 3)).shape
    torch.Size([2, 3])
    """
    kind = numpy_dtype(dtype or input.dtype)
    return drawn_like(input._array, lambda shape: _from(generator).uniform(shape, 0.0, 1.0, kind))


@factory
def randn_like(input: Tensor, *, dtype: Any = None, generator: Any = None) -> Any:
    """Normal numbers of mean 0 and variance 1, with the shape and dtype of `input`.

    Shape: that of `input`.

    >>> torch.randn_like(torch.zeros(2, 3)).shape
    torch.Size([2, 3])
    """
    kind, whole = numpy_dtype(dtype or input.dtype), input.is_contiguous()
    return drawn_like(input._array, lambda shape: _normal(_from(generator), shape, kind, contiguous=whole))


@factory
def randint_like(input: Tensor, low: Any = None, high: Any = None, *, dtype: Any = None, generator: Any = None) -> Any:
    """Integers from [low, high), with the shape and dtype of `input`."""
    low, high = (0, low) if high is None else (low or 0, high)
    if high is None:
        raise TypeError(located('randint_like() missing 1 required positional arguments: "high"'))
    kind = numpy_dtype(dtype or input.dtype)
    return drawn_like(input._array, lambda shape: _from(generator).integers(shape, *_whole(low, high), kind))


def _parameter(tensor: Tensor) -> Any:
    """The array of a distribution's parameter, without tangents: what is drawn does not change with it."""
    array = tensor._array
    return array.detached() if isinstance(array, Lifted) else array


@factory
def normal(mean: Any, std: Any = 1.0, size: Any = None, *, dtype: Any = None, generator: Any = None) -> Any:
    """Normal numbers with these means and standard deviations: tensors of the result's shape, or numbers with `size`.

    Args:
        mean: a tensor or a number.
        std: a tensor or a number, not negative.
        size: the shape, where both are numbers.

    Shape: that which `mean` and `std` broadcast to, or `size`.

    Raises:
        RuntimeError: a standard deviation is negative.

    >>> torch.normal(torch.zeros(2), torch.zeros(2))
    tensor([0., 0.])
    """
    if size is not None:
        return _from(generator).normal(as_shape((size,)), float(mean), float(std), numpy_dtype(dtype))
    means, stds = (_parameter(v) if isinstance(v, Tensor) else np.asarray(v) for v in (mean, std))
    like = means if isinstance(mean, Tensor) else stds
    shape = np.broadcast_shapes(means.shape, stds.shape)
    if meta.is_meta(means) or meta.is_meta(stds):
        return meta.empty(shape, like.dtype)
    return (_from(generator).normal(shape, 0.0, 1.0, like.dtype) * stds + means).astype(like.dtype)


def _without_slope(draw: Any) -> Any:
    """`draw`, whose result has a history that gives its operands gradients of zero: what is drawn does not change with them."""

    @functools.wraps(draw)
    def drawn(*args: Any, out: Any = None, **kwargs: Any) -> Any:
        result = draw(*args, out=out, **kwargs)
        if out is None and modes.settings.grad:
            for operand in (*args, *kwargs.values()):
                if isinstance(operand, Tensor) and operand.requires_grad:
                    result = link(result, operand)
        return result

    return drawn


normal = _without_slope(normal)
function("torch")(normal)


@factory
def bernoulli(input: Tensor, p: float | None = None, *, generator: Any = None) -> Any:
    """Ones with the probabilities `input` (or `p` everywhere), zeros else."""
    chance = _parameter(input) if p is None else p
    return _from(generator).bernoulli(input.shape, chance, numpy_dtype(input.dtype))


bernoulli = _without_slope(bernoulli)
function("torch Tensor")(bernoulli)


@function("torch Tensor")
def multinomial(input: Tensor, num_samples: int, replacement: bool = False, *, generator: Any = None, out: Any = None) -> Tensor:
    """Indices drawn with the weights in the last dimension of `input`, int64 of shape (..., num_samples).

    Args:
        input: weights, not negative; they need not sum to one.
        num_samples: how many indices to draw from each row.
        replacement: whether an index may be drawn more than once.

    Shape: (n,) or (m, n) gives (num_samples,) or (m, num_samples).

    Raises:
        RuntimeError: more samples than weights that are not zero, without replacement.

    >>> torch.multinomial(torch.tensor([0.0, 1.0, 0.0]), 4, replacement=True)
    tensor([1, 1, 1, 1])
    """
    if out is not None and out.dtype is not int64:
        raise RuntimeError(located(f"multinomial expects Long tensor out, got: {out.dtype}"))
    return deliver(wrap(_from(generator).multinomial(_parameter(input), num_samples, replacement)), out)


@function("torch")
def poisson(input: Tensor, generator: Any = None) -> Tensor:
    """Poisson numbers with the rates `input`."""
    return wrap(_from(generator).poisson(_parameter(input)))


# Fills in place


def fill_with(target: Tensor, array: Any, what: str) -> Tensor:
    """Write `array` into `target` in place; its history ends there."""
    check_overlap(target._array, what)
    if meta.is_meta(target._array):
        return inplace.store(target, target.detach(), target._array, what)
    if modes.special:
        refresh(target)
    if is_recorded(target):
        inplace.check_writable(target)
        return inplace.store(target, replaced(target, wrap(array)), array, what)
    np.copyto(target._array, array, casting="unsafe")
    if modes.special and modes.settings.recorder is not None:
        modes.settings.recorder.write(target._array, array)
    inplace.note_change(target, what)
    return target


def _fill(name: str, draw: Any, summary: str, *parameters: str) -> None:
    """Publish a method that fills a tensor with `draw(generator, shape, dtype, *parameters)`."""
    names = [each.partition("=")[0] for each in parameters]
    shown = ", ".join(each.replace("from=", "from_=") + ", /" * each.startswith("from=") for each in parameters)

    def method(self: Tensor, *args: Any, generator: Any = None, **kwargs: Any) -> Tensor:
        values = dict(zip(names, args, strict=False)) | kwargs
        if unknown := set(values) - set(names):
            raise TypeError(located(f"{name}() got an unexpected keyword argument {unknown.pop()!r}"))
        if meta.is_meta(self._array):
            return fill_with(self, self._array, name)
        if name == "normal_":
            values["contiguous"] = self.is_contiguous()
        if isinstance(values.get("p"), Tensor):  # one for each element, in rows
            return fill_with(self, draw(_from(generator), self._array.shape, self._array.dtype, **values), name)
        return fill_with(self, drawn_like(self._array, lambda shape: draw(_from(generator), shape, self._array.dtype, **values)), name)

    method.__name__ = method.__qualname__ = name
    method.__doc__ = summary
    function("Tensor", form=f"(self, {shown}, *, generator=None)")(method)


def _uniform(g: Generator, shape: Any, kind: Any, **given: Any) -> Any:
    low, high = given.get("from", given.get("a", 0.0)), given.get("to", given.get("b", 1.0))
    if low > high:
        raise RuntimeError(located(f"uniform_ expects to return a [from, to) range, but found from={low} > to={high}"))
    return g.uniform(shape, float(low), float(high), kind)


def _random(g: Generator, shape: Any, kind: Any, **given: Any) -> Any:
    low, high = given.get("from"), given.get("to")
    if low is None and high is None:
        return g.random(shape, kind)
    low, high = (0, low) if high is None else (low or 0, high)
    return g.integers(shape, as_int(low), as_int(high), kind)


def _normal_fill(g: Generator, shape: Any, kind: Any, mean: float = 0.0, std: float = 1.0, contiguous: bool = True) -> Any:
    if std < 0:
        raise RuntimeError(located(f"normal_ expects std >= 0.0, but found std {std}"))
    return _normal(g, shape, kind, float(mean), float(std), contiguous)


def _bernoulli_fill(g: Generator, shape: Any, kind: Any, p: Any = 0.5) -> Any:
    return g.bernoulli(shape, p._array if isinstance(p, Tensor) else p, kind)


_fill("uniform_", _uniform, "Fill with uniform numbers from [from, to).", "from=0.0", "to=1.0")
_fill("normal_", _normal_fill, "Fill with normal numbers.", "mean=0.0", "std=1.0")
_fill("random_", _random, "Fill with integers from [from, to).", "from=0", "to=None")
_fill("bernoulli_", _bernoulli_fill, "Fill with ones of probability p, zeros else.", "p=0.5")
_fill("exponential_", lambda g, shape, kind, lambd=1.0: g.exponential(shape, lambd, kind), "Fill with exponential numbers.", "lambd=1.0")
_fill(
    "log_normal_",
    lambda g, shape, kind, mean=1.0, std=2.0: g.log_normal(shape, mean, std, kind),
    "Fill with numbers whose logarithm is normal.", "mean=1.0", "std=2.0",
)  # fmt: skip
_fill(
    "cauchy_",
    lambda g, shape, kind, median=0.0, sigma=1.0: g.cauchy(shape, median, sigma, kind),
    "Fill with Cauchy numbers.", "median=0.0", "sigma=1.0",
)  # fmt: skip
_fill("geometric_", lambda g, shape, kind, p: g.geometric(shape, p, kind), "Fill with geometric numbers.", "p")
