"""`torch.nn.functional`: the functions that layers are made of."""

import math

from ..core import absent, signatures
from ..core.declare import PLACES
from ..core.tensor import Tensor
from ..overrides import handle_torch_function as handle_torch_function
from ..overrides import has_torch_function as has_torch_function
from ..overrides import has_torch_function_unary as has_torch_function_unary
from ..overrides import has_torch_function_variadic as has_torch_function_variadic
from . import reduction as _reduction
from .tuples import _list_with_default as _list_with_default
from .tuples import _pair as _pair
from .tuples import _single as _single
from .tuples import _triple as _triple

_Reduction = _reduction
globals().update(PLACES["F"])

_FOR_SUBCLASSES = (handle_torch_function, has_torch_function, has_torch_function_unary, has_torch_function_variadic)
for _each in _FOR_SUBCLASSES:
    signatures.known_as(_each, _each.__name__, "F")

__all__ = sorted([*PLACES["F"], *(_each.__name__ for _each in _FOR_SUBCLASSES), "Tensor"])


def _get_softmax_dim(name, ndim, stacklevel=3):
    """The dimension a softmax is taken over where none is named."""
    return 0 if ndim in (0, 1, 3) else 1


def _verify_batch_size(size):
    """ValueError if there is one value per channel only, which cannot be normalized in training."""
    if math.prod((size[0], *size[2:])) == 1:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {size}")


def _is_integer(x):
    """Whether it is a whole number, or a tensor of them."""
    if isinstance(x, Tensor):
        return not (x.is_floating_point() or x.is_complex())
    return isinstance(x, int) and not isinstance(x, bool)


def _in_projection(q, k, v, w_q, w_k, w_v, b_q=None, b_k=None, b_v=None):
    """Query, key and value, each projected with a weight of its own."""
    linear = PLACES["F"]["linear"]
    return linear(q, w_q, b_q), linear(k, w_k, b_k), linear(v, w_v, b_v)


def _in_projection_packed(q, k, v, w, b=None):
    """Query, key and value projected with the three parts of one weight."""
    biases = (None, None, None) if b is None else b.chunk(3)
    return list(_in_projection(q, k, v, *w.chunk(3), *biases))


def _canonical_mask(mask, mask_name, other_type, other_name, target_type, check_other=True):
    """A mask as something to add: where a boolean one is True, minus infinity."""
    if mask is None or mask.is_floating_point():
        return mask
    if _is_integer(mask) and str(mask.dtype) not in ("torch.bool", "bool"):
        raise AssertionError(f"only bool and floating types of {mask_name} are supported")
    zeros = PLACES["torch"]["zeros_like"](mask, dtype=target_type)
    return zeros.masked_fill_(mask, -math.inf)


globals().update(absent.handlers(__name__))
