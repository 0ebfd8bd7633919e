"""Operations on two tensors as modules, so that their results can be observed and quantized."""

from __future__ import annotations

from typing import Any

from .....core.declare import PLACES
from .....core.origin import located
from .....nn.linear import Identity
from .....nn.module import Module
from .....ops.math.arithmetic import add as sum_of
from .....ops.math.arithmetic import mul as product_of
from .....ops.nn.activation import relu
from .....ops.quantized.layers import of_floats, scaled
from .shared import WithScale, only, result_parameters


class FloatFunctional(Module):
    """Operations on floats whose results are observed where the model is prepared: `f.add(x, y)` in the place of `x + y`.

    `torch.ao.quantization.convert` makes of it a `QFunctional`, which does the same with quantized tensors.
    """

    def __init__(self) -> None:
        super().__init__()
        self.activation_post_process = Identity()

    def forward(self, x: Any) -> Any:
        raise RuntimeError("FloatFunctional is not intended to use the 'forward'. Please use the underlying operation")

    def add(self, x: Any, y: Any) -> Any:
        """The sum."""
        return self.activation_post_process(sum_of(x, y))

    add_scalar = add

    def mul(self, x: Any, y: Any) -> Any:
        """The product of each two elements."""
        return self.activation_post_process(product_of(x, y))

    mul_scalar = mul

    def add_relu(self, x: Any, y: Any) -> Any:
        """The sum, zero where it is below."""
        return self.activation_post_process(relu(sum_of(x, y)))

    def cat(self, x: Any, dim: int = 0) -> Any:
        """Tensors one after the other along `dim`."""
        return self.activation_post_process(PLACES["torch"]["cat"](x, dim=dim))

    def matmul(self, x: Any, y: Any) -> Any:
        """The product of matrices."""
        return self.activation_post_process(PLACES["torch"]["matmul"](x, y))


class QFunctional(WithScale):
    """Operations on quint8 tensors whose results are quantized by `scale` and `zero_point`."""

    __repr__ = Module.__repr__  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.scale, self.zero_point = 1.0, 0
        self.activation_post_process = Identity()

    def _get_name(self) -> str:
        return "QFunctional"

    def extra_repr(self) -> str:
        return f"scale={self.scale}, zero_point={self.zero_point}"

    def forward(self, x: Any) -> Any:
        raise RuntimeError("Functional is not intended to use the 'forward'. Please use the underlying operation")

    def add(self, x: Any, y: Any) -> Any:
        """The sum."""
        return of_floats(sum_of, self.scale, self.zero_point, x, y)

    def mul(self, x: Any, y: Any) -> Any:
        """The product of each two elements."""
        return of_floats(product_of, self.scale, self.zero_point, x, y)

    def add_relu(self, x: Any, y: Any) -> Any:
        """The sum, zero where it is below."""
        return of_floats(lambda a, b: relu(sum_of(a, b)), self.scale, self.zero_point, x, y)

    def cat(self, x: Any, dim: int = 0) -> Any:
        """Tensors one after the other along `dim`."""
        return of_floats(lambda *each: PLACES["torch"]["cat"](each, dim=dim), self.scale, self.zero_point, *x)

    def mul_scalar(self, x: Any, y: float) -> Any:
        """A tensor times a number, which changes the scale alone."""
        return scaled(x, float(y))

    def matmul(self, x: Any, y: Any) -> Any:
        """The product of matrices."""
        return of_floats(PLACES["torch"]["matmul"], self.scale, self.zero_point, x, y)

    def add_scalar(self, x: Any, y: float) -> Any:
        """NotImplementedError: the sum with a number is not there for quantized tensors."""
        raise NotImplementedError(located("QFunctional.add_scalar() is not there: add the number to floats, before a QuantStub"))

    @classmethod
    def from_float(cls, mod: Any, use_precomputed_fake_quant: bool = False) -> QFunctional:
        """The operations with the scale that was observed."""
        only(mod, FloatFunctional, cls.__name__)
        made = cls()
        made.scale, made.zero_point = result_parameters(mod)
        return made


__all__ = ["FloatFunctional", "QFunctional"]
