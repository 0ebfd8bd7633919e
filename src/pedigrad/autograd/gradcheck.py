"""Numerical differentiation, to check gradients with: `gradcheck` and `gradgradcheck`.

Every input and output is looked at as a list of real numbers, a complex element as two of them. The Jacobian is found twice,
by central differences and by one backward pass per output number, and compared element by element.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ..core.origin import located, warn
from ..core.tensor import Tensor, wrap
from .backward import grad
from .gradcheck_forward import forward_derivatives, wrong_in_a_batch, wrong_in_a_forward_batch

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]

Array = np.ndarray[Any, Any]
STEPS: tuple[tuple[complex, ...], ...] = ((1,), (1, 1j))  # the directions of a real and of a complex number


class GradcheckError(RuntimeError):
    """A gradient that is not the derivative, or that cannot be checked."""


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Whether the gradients of `func(*inputs)` agree with differences of its values at steps of `eps`.

    Those inputs are checked that have requires_grad=True; use float64. GradcheckError names the operation, the input and the
    element that disagree; with `raise_exception=False` the result is False instead. `fast_mode` compares one random
    projection of each Jacobian, not all its elements.
    """
    ways = _ways(check_forward_ad, check_backward_ad, check_batched_grad, check_batched_forward_grad, masked)
    check = _Check(func, inputs, eps, atol, rtol, nondet_tol, check_undefined_grad, check_grad_dtypes, fast_mode, ways)
    return _outcome(check, raise_exception)


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """Whether the gradients of the gradients of `func(*inputs)` agree with differences of its gradients.

    `grad_outputs` are the gradients of the outputs to start with, random ones if not given; they are inputs of the check too.
    """
    ways = _ways(check_fwd_over_rev, check_rev_over_rev, check_batched_grad, False, masked)
    inputs = _listed(inputs)
    if grad_outputs is None:
        rng = np.random.default_rng(0)
        outputs = _differentiable(_listed(func(*inputs)))
        given = [_random_gradient(out, rng, gen_non_contig_grad_outputs) for out in outputs]
    else:
        given = [g if g.requires_grad else g.detach().requires_grad_() for g in _listed(grad_outputs)]
    count = len(inputs)

    def gradients(*values: Any) -> tuple[Tensor, ...]:
        outputs = _differentiable(_listed(func(*values[:count])))
        wanted = [v for v in values[:count] if isinstance(v, Tensor) and v.requires_grad]
        found = grad(outputs, wanted, values[count:], create_graph=True, allow_unused=True)
        return tuple(g.to_dense() for g in found if g is not None)  # type: ignore[attr-defined]

    gradients.__name__ = f"the gradient of {_name_of(func)}"
    every = (*inputs, *given)
    check = _Check(gradients, every, eps, atol, rtol, nondet_tol, check_undefined_grad, check_grad_dtypes, fast_mode, ways)
    check.constants_too = True
    return _outcome(check, raise_exception)


def _ways(forward: bool, backward: bool, batched: bool, batched_forward: bool, masked: bool | None) -> frozenset[str]:
    """What is to be checked."""
    if masked:
        raise NotImplementedError(located("gradcheck() checks gradients of dense inputs only"))
    if batched_forward and not forward:
        raise ValueError(located("Setting check_batched_forward_grad=True requires check_forward_ad to be True"))
    if batched and not backward:
        raise ValueError(located("Setting check_batched_grad=True requires check_backward_ad to be True"))
    if not (forward or backward):
        raise ValueError(located("Expected at least one of check_forward_ad and check_backward_ad to be True"))
    asked = {"forward": forward, "backward": backward, "batched": batched, "batched forward": batched_forward}
    return frozenset(name for name, wanted in asked.items() if wanted)


def _outcome(check: _Check, raise_exception: bool) -> bool:
    try:
        check.run()
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def _listed(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


def _differentiable(values: Sequence[Any]) -> list[Tensor]:
    return [v for v in values if isinstance(v, Tensor) and v.requires_grad]


def _name_of(func: Any) -> str:
    return getattr(func, "__name__", None) or type(func).__name__


def _random_gradient(out: Tensor, rng: Any, strided: bool) -> Tensor:
    shape = (*out.shape, 2) if strided else tuple(out.shape)
    values = rng.uniform(-1, 1, shape)
    if out.is_complex():
        values = values + 1j * rng.uniform(-1, 1, shape)
    array = np.asarray(values, out._array.dtype)
    return wrap(array[..., 0] if strided else array).requires_grad_()


def _reals(array: Array) -> Array:
    """The elements as one list of real numbers."""
    flat = np.array(array).reshape(-1)  # a copy: the function may return its input
    return flat.view(flat.real.dtype) if flat.dtype.kind == "c" else flat


class _Check:
    """One call of gradcheck."""

    constants_too = False  # outputs that need no gradient must not depend on the inputs

    def __init__(
        self, func: Any, inputs: Any, eps: float, atol: float, rtol: float, nondet: float, undefined: bool, dtypes: bool, fast: bool,
        ways: frozenset[str] = frozenset(("backward",)),
    ):  # fmt: skip
        self.ways = ways
        self.func = func
        self.inputs = _listed(inputs)
        self.eps, self.atol, self.rtol, self.nondet = eps, atol, rtol, nondet
        self.undefined, self.dtypes, self.fast = undefined, dtypes, fast
        self.wanted = [(i, v) for i, v in enumerate(self.inputs) if isinstance(v, Tensor) and v.requires_grad]
        self._check_inputs()

    def _check_inputs(self) -> None:
        if not self.wanted:
            message = "gradcheck expects at least one input tensor to require gradient, but none of them has requires_grad=True."
            raise ValueError(located(message))
        for i, tensor in self.wanted:
            if tensor._array.dtype.name not in ("float64", "complex128"):
                warn(
                    f"Input #{i} requires gradient and is of dtype {tensor.dtype}: in less than double precision "
                    "the check will likely fail."
                )
            repeated = any(n > 1 and stride == 0 for n, stride in zip(tensor._array.shape, tensor._array.strides, strict=True))
            if repeated and tensor._array.size:
                message = f"input {i} is an expanded tensor: several of its elements share memory. Call .contiguous() on it first"
                raise RuntimeError(located(message))

    def outputs(self, inputs: Any = None) -> list[Tensor]:
        """The tensors that the function returns now."""
        return [
            v
            for v in _listed(self.func(*(self.inputs if inputs is None else inputs)))
            if isinstance(v, Tensor) and v._array.dtype.kind in "fcV"
        ]

    def run(self) -> None:
        """GradcheckError at the first disagreement."""
        outputs = self.outputs()
        smooth = [k for k, out in enumerate(outputs) if out.requires_grad]
        constant = [k for k in range(len(outputs)) if k not in smooth]
        for i, tensor in self.wanted:
            differences = self.differences(tensor)
            if not smooth or self.constants_too:
                for k in constant:
                    if not np.allclose(differences[k], 0, atol=self.atol):
                        raise self.error(f"{self.title(outputs[k])} needs no gradient, but its output {k} depends on input {i}")
            for k in smooth if "backward" in self.ways else ():
                self.compare(outputs, k, i, tensor, differences[k])
            if "forward" in self.ways:
                self.compare_forward(outputs, i, tensor, differences)
        if "batched" in self.ways:
            self.compare_batch([outputs[k] for k in smooth])
        if "backward" in self.ways and self.undefined and len(smooth) > 1:
            self.compare_undefined([outputs[k] for k in smooth])

    def title(self, out: Tensor) -> str:
        """The function and the operation that made this output."""
        made_by = out.grad_fn.name() if out.grad_fn is not None else None
        return f"{_name_of(self.func)}" + (f" ({made_by})" if made_by else "")

    def error(self, message: str) -> GradcheckError:
        """The error for a disagreement, with the user's line."""
        return GradcheckError(located(message))

    # By differences

    def differences(self, tensor: Tensor) -> list[Array]:
        """d output / d input, for each output, of shape (input numbers, output numbers); one row of a projection if fast."""
        if self.fast:
            return [row[None] for row in self.difference(tensor._array, self.direction(tensor))]
        rows = [self.difference(tensor._array, direction) for direction in self.unit_directions(tensor._array)]
        if not rows:
            return [np.zeros((0, _reals(out._array).size)) for out in self.outputs()]
        return [np.stack(column) for column in zip(*rows, strict=True)]

    @staticmethod
    def unit_directions(array: Array) -> Iterator[Array]:
        """One step for each real number of an array."""
        for index in np.ndindex(array.shape):
            for step in STEPS[array.dtype.kind == "c"]:
                direction = np.zeros_like(array)
                direction[index] = step
                yield direction

    def difference(self, array: Array, direction: Array) -> list[Array]:
        """The central difference of every output for a step of the input in that direction."""
        before = array.copy()
        try:
            ends = []
            for sign in (1, -1):
                array[...] = before + sign * self.eps * direction
                ends.append([_reals(out._array) for out in self.outputs()])
        finally:
            array[...] = before
        return [(after - before) / (2 * self.eps) for after, before in zip(*ends, strict=True)]

    def direction(self, tensor: Tensor) -> Array:
        """A random direction of length one, always the same for a shape."""
        rng = np.random.default_rng(tensor._array.size)
        values: Any = rng.standard_normal(tensor._array.shape)
        if tensor.is_complex():
            values = values + 1j * rng.standard_normal(tensor._array.shape)
        length = float(np.linalg.norm(values)) or 1.0
        return np.asarray(values / length, tensor._array.dtype)

    # By backward

    def gradient(self, outputs: Sequence[Tensor], starts: Sequence[Array], tensor: Tensor) -> Array:
        """The gradient that reaches one input; zeros if none does."""
        (g,) = grad(outputs, (tensor,), tuple(map(wrap, starts)), retain_graph=True, allow_unused=True)
        if g is None:
            return np.zeros_like(tensor._array)
        if tuple(g.shape) != tuple(tensor.shape):
            shapes = f"{tuple(g.shape)}, the input has {tuple(tensor.shape)}"
            raise self.error(f"{self.title(outputs[0])}: the gradient has shape {shapes}")
        if self.dtypes and g.dtype != tensor.dtype:
            raise self.error(f"{self.title(outputs[0])}: the gradient has dtype {g.dtype}, the input {tensor.dtype}")
        return g.to_dense()._array  # type: ignore[attr-defined]

    def by_backward(self, out: Tensor, tensor: Tensor) -> Array:
        """d output / d input, of shape (input numbers, output numbers)."""
        columns = []
        array = out._array
        for index in np.ndindex(array.shape):
            for step in STEPS[array.dtype.kind == "c"]:
                start = np.zeros_like(array)
                start[index] = step
                columns.append(_reals(self.gradient((out,), (start,), tensor)))
        return np.stack(columns, axis=1) if columns else np.zeros((_reals(tensor._array).size, 0))

    def compare(self, outputs: list[Tensor], k: int, i: int, tensor: Tensor, numerical: Array) -> None:
        """Compare the Jacobian of output k with respect to input i."""
        out = outputs[k]
        start = np.ones_like(out._array)
        first, again = (self.gradient((out,), (start,), tensor) for _ in range(2))
        if not np.allclose(first, again, rtol=0, atol=self.nondet, equal_nan=True):
            raise self.error(f"Backward of {self.title(out)} is not reentrant: input {i} has another gradient the second time")
        if self.fast:
            u = self.direction(out)
            numerical = (numerical @ _reals(u))[:, None]
            g = self.gradient((out,), (u,), tensor)
            analytical = np.array([[_reals(g) @ _reals(self.direction(tensor))]])
        else:
            analytical = self.by_backward(out, tensor)
        right = np.isclose(analytical, numerical, rtol=self.rtol, atol=self.atol, equal_nan=True)
        if not right.all():
            raise self.error(self.mismatch(out, k, i, tensor, numerical, analytical, right))

    def compare_forward(self, outputs: list[Tensor], i: int, tensor: Tensor, differences: list[Array]) -> None:
        """Compare the derivatives that are carried forward from input i with the differences, and with several at once."""
        directions = [self.direction(tensor)] if self.fast else self.unit_directions(tensor._array)
        found = [forward_derivatives(self.outputs, self.inputs, i, wrap(d)) for d in directions]
        for k, out in enumerate(outputs):
            rows = [_reals(each[k]._array) for each in found]
            derivatives = np.stack(rows) if rows else np.zeros((0, _reals(out._array).size))
            right = np.isclose(derivatives, differences[k], rtol=self.rtol, atol=self.atol, equal_nan=True)
            if not right.all():
                message = self.mismatch(out, k, i, tensor, differences[k], derivatives, right)
                raise self.error(message.replace("Jacobian mismatch", "Jacobian computed with forward mode mismatch"))
        if "batched forward" in self.ways and wrong_in_a_forward_batch(self.outputs, self.inputs, i, np.allclose):
            raise self.error(f"{_name_of(self.func)}: forward derivatives along several tangents of input {i} at once, by vmap, are others")

    def compare_batch(self, outputs: list[Tensor]) -> None:
        """Compare the gradients for several cotangents at once with those for each."""
        i = wrong_in_a_batch(outputs, [t for _, t in self.wanted], np.allclose) if outputs else None
        if i is not None:
            message = f"the gradients of input {self.wanted[i][0]} for several cotangents at once, by vmap, are others than one by one"
            raise self.error(f"{self.title(outputs[0])}: {message}")

    def mismatch(self, out: Tensor, k: int, i: int, tensor: Tensor, numerical: Array, analytical: Array, right: Array) -> str:
        """The message for a wrong Jacobian: which elements, and what they are."""
        row, column = (int(n) for n in np.argwhere(~right)[0])
        numbers = f"numerical: {numerical[row, column]:.8g}\nanalytical: {analytical[row, column]:.8g}"
        head = f"Jacobian mismatch for output {k} with respect to input {i} of {self.title(out)}"
        if self.fast:
            return f"{head}, along a random direction:\n{numbers}"
        x, y = (_element(t._array, n) for t, n in ((tensor, row), (out, column)))
        wrong = f"{int((~right).sum())} of {right.size} derivatives are wrong"
        return f"{head}: {wrong}, the first is that of output element {y} by input element {x}\n{numbers}"

    def compare_undefined(self, outputs: list[Tensor]) -> None:
        """A gradient that never arrives at one of several outputs must count as zeros."""
        for k, out in enumerate(outputs):
            starts = [np.full_like(o._array, j == k) for j, o in enumerate(outputs)]
            for i, tensor in self.wanted:
                alone = self.gradient((out,), (starts[k],), tensor)
                if not np.allclose(alone, self.gradient(outputs, starts, tensor), equal_nan=True):
                    message = f"Backward of {self.title(out)} does not treat gradients that are None as zeros: input {i}, output {k}"
                    raise self.error(message)


def _element(array: Array, number: int) -> list[int]:
    """The index of the element that a real number belongs to."""
    if array.dtype.kind == "c":
        number //= 2
    return [int(n) for n in np.unravel_index(number, array.shape)]
