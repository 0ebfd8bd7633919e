"""`torch.nn.utils.parametrizations`: weights that are orthogonal, have a norm of their own, or a largest singular value of one."""

from enum import Enum, auto

from ...core import modes
from ...core.declare import PLACES
from ...core.limits import finfo
from ...core.origin import located
from ...core.tensor import Tensor
from .. import functional as F
from ..convolution import _ConvTransposeNd
from ..module import Module
from .parametrize import register_parametrization

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]

torch, linalg = PLACES["torch"], PLACES["linalg"]


def _weight_of(module, name):
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(located(f"Module '{module}' has no parameter or buffer with name '{name}'"))
    return weight


# Orthogonal


class _OrthMaps(Enum):
    matrix_exp = auto()
    cayley = auto()
    householder = auto()


def _orthogonalized(a):
    """The orthogonal factor of `a`, with the signs that make a product of it with a positive diagonal."""
    reflections, tau = torch["geqrf"](a)
    q = linalg["householder_product"](reflections, tau)
    return q * reflections.diagonal(dim1=-2, dim2=-1).sgn().unsqueeze(-2)


def _is_orthogonal(q):
    eps = 10 * q.shape[-2] * finfo(q.dtype).eps
    return torch["allclose"](q.mH @ q, torch["eye"](q.shape[-1], dtype=q.dtype), atol=eps)


class _Orthogonal(Module):
    """A square root of the identity that is made of any matrix: what `orthogonal` registers."""

    def __init__(self, weight, orthogonal_map, *, use_trivialization=True):
        super().__init__()
        if weight.is_complex() and orthogonal_map is _OrthMaps.householder:
            raise ValueError(located("The householder parametrization does not support complex tensors."))
        self.shape, self.orthogonal_map = weight.shape, orthogonal_map
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, x):
        wide = x.shape[-2] < x.shape[-1]
        x = x.mT if wide else x
        n, k = x.shape[-2:]
        if self.orthogonal_map is _OrthMaps.householder:
            reflections = x.tril(diagonal=-1)
            tau = 2.0 / (1.0 + (reflections * reflections).sum(dim=-2))
            q = linalg["householder_product"](reflections, tau) * x.diagonal(dim1=-2, dim2=-1).int().unsqueeze(-2)
        else:
            x = x.tril()
            if n != k:
                x = torch["cat"]([x, x.new_zeros(n, n - k).expand(*x.shape[:-2], -1, -1)], dim=-1)
            q = self._from_skew(x - x.mH)[..., :k]
        if getattr(self, "base", None) is not None:
            q = self.base @ q
        return q.mT if wide else q

    def _from_skew(self, a):
        if self.orthogonal_map is _OrthMaps.matrix_exp:
            return torch["matrix_exp"](a)
        one = torch["eye"](a.shape[-1], dtype=a.dtype)
        return linalg["solve"](one - 0.5 * a, one + 0.5 * a)

    def right_inverse(self, q):
        """The matrix of which `q` is made; with trivialization `q` becomes the base, and the matrix says that nothing is added."""
        with modes.no_grad():
            if q.shape != self.shape:
                shapes = f"{self.shape}. Got a tensor of shape {q.shape}."
                raise ValueError(located(f"Expected a matrix or batch of matrices of shape {shapes}"))
            given, wide = q, q.shape[-2] < q.shape[-1]
            q = q.mT if wide else q
            if "base" not in self._buffers:
                return self._reflected(q, wide)
            n, k = q.shape[-2:]
            if n != k:
                q = torch["cat"]([q, torch["randn"](*q.shape[:-2], n, n - k, dtype=q.dtype)], dim=-1)
            self.base = q.clone() if n == k and _is_orthogonal(q) else _orthogonalized(q)
            out = torch["zeros_like"](given)
            out.diagonal(dim1=-2, dim2=-1).fill_(-1.0)
            return out

    def _reflected(self, q, wide):
        if self.orthogonal_map is not _OrthMaps.householder:
            what = "the matrix exponential or the Cayley parametrizations when use_trivialization=False."
            raise NotImplementedError(located(f"It is not possible to assign to {what}"))
        reflections, tau = torch["geqrf"](q)
        diagonal = reflections.diagonal(dim1=-2, dim2=-1)
        diagonal.sign_()
        diagonal[tau == 0.0] *= -1
        return reflections.mT if wide else reflections


def orthogonal(module, name="weight", orthogonal_map=None, *, use_trivialization=True):
    """`module`, whose weight (a matrix, or a batch of them) is orthogonal: made by "matrix_exp", "cayley" or "householder"."""
    weight = _weight_of(module, name)
    if weight.ndim < 2:
        raise ValueError(located(f"Expected a matrix or batch of matrices. Got a tensor of {weight.ndim} dimensions."))
    if orthogonal_map is None:
        orthogonal_map = "matrix_exp" if weight.shape[-2] == weight.shape[-1] or weight.is_complex() else "householder"
    chosen = getattr(_OrthMaps, orthogonal_map, None)
    if chosen is None:
        known = '"matrix_exp", "cayley", "householder"'
        raise ValueError(located(f"orthogonal_map has to be one of {known}. Got: {orthogonal_map}"))
    parametrization = _Orthogonal(weight, chosen, use_trivialization=use_trivialization)
    register_parametrization(module, name, parametrization, unsafe=True)
    return module


# Weight norm


def norm_except_dim(v, pow=2, dim=0):
    """The norm of `v` over all dimensions but `dim`, which are kept; over all of them if `dim` is -1."""
    if dim == -1:
        return v.norm(pow)
    others = [d for d in range(v.ndim) if d != dim % v.ndim]
    return linalg["vector_norm"](v, pow, others, True) if others else v.abs()


def normed(v, g, dim=0):
    """`v` with its norms made `g`: `torch._weight_norm`."""
    return v * (g / norm_except_dim(v, 2, dim))


class _WeightNorm(Module):
    def __init__(self, dim=0):
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g, weight_v):
        return normed(weight_v, weight_g, self.dim)

    def right_inverse(self, weight):
        return norm_except_dim(weight, 2, self.dim), weight


def weight_norm(module, name="weight", dim=0):
    """`module`, whose weight is a direction, `original1`, times a norm, `original0`, for each index of `dim` (None: one norm)."""
    register_parametrization(module, name, _WeightNorm(dim), unsafe=True)

    def take_old_names(state_dict, prefix, *rest):
        old = [f"{prefix}{name}_{end}" for end in "gv"]
        if all(key in state_dict for key in old):
            for i, key in enumerate(old):
                state_dict[f"{prefix}parametrizations.{name}.original{i}"] = state_dict.pop(key)

    module._register_load_state_dict_pre_hook(take_old_names)
    return module


# Spectral norm


def unit(x, eps):
    """`x` divided by its norm."""
    return F.normalize(x, dim=0, eps=eps)


class _SpectralNorm(Module):
    def __init__(self, weight, n_power_iterations=1, dim=0, eps=1e-12):
        super().__init__()
        if not -weight.ndim <= dim < weight.ndim:
            low, high = -weight.ndim, weight.ndim - 1
            raise IndexError(located(f"Dimension out of range (expected to be in range of [{low}, {high}] but got {dim})"))
        if n_power_iterations <= 0:
            what = f"but got n_power_iterations={n_power_iterations}"
            raise ValueError(located(f"Expected n_power_iterations to be positive, {what}"))
        self.dim = dim if dim >= 0 else dim + weight.ndim
        self.eps = eps
        if weight.ndim > 1:
            self.n_power_iterations = n_power_iterations
            matrix = self._matrix(weight)
            u, v = (matrix.new_empty(size).normal_(0, 1) for size in matrix.shape)
            self.register_buffer("_u", unit(u, eps))
            self.register_buffer("_v", unit(v, eps))
            self._iterate(matrix, 15)

    def _matrix(self, weight):
        return weight.movedim(self.dim, 0).flatten(1) if self.dim else weight.flatten(1)

    def _iterate(self, matrix, times):
        with modes.no_grad():
            for _ in range(times):
                self._u.copy_(unit(matrix.mv(self._v), self.eps))
                self._v.copy_(unit(matrix.mH.mv(self._u), self.eps))

    def forward(self, weight):
        if weight.ndim == 1:
            return F.normalize(weight, dim=0, eps=self.eps)
        matrix = self._matrix(weight)
        if self.training:
            self._iterate(matrix, self.n_power_iterations)
        u, v = self._u.clone(), self._v.clone()
        return weight / torch["vdot"](u, matrix.mv(v))

    def right_inverse(self, value):
        return value


def spectral_norm(module, name="weight", n_power_iterations=1, eps=1e-12, dim=None):
    """`module`, whose weight is divided by its largest singular value, which the power method follows."""
    weight = _weight_of(module, name)
    if dim is None:
        dim = 1 if isinstance(module, _ConvTransposeNd) else 0
    register_parametrization(module, name, _SpectralNorm(weight, n_power_iterations, dim, eps))
    return module
