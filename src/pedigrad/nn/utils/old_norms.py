"""`weight_norm` and `spectral_norm` of old: hooks that compute the weight before each call. `parametrizations` has the new ones."""

from ...core import modes
from ...core.declare import PLACES
from ...core.origin import located, warn
from ..convolution import _ConvTransposeNd
from ..module import Module
from ..parameter import Parameter
from .parametrizations import norm_except_dim, normed, unit

__all__ = ["SpectralNorm", "WeightNorm", "remove_spectral_norm", "remove_weight_norm", "spectral_norm", "weight_norm"]


def _hook_of(module, kind, name):
    """The key and the hook of that kind on the tensor of that name, or None."""
    return next(((k, h) for k, h in module._forward_pre_hooks.items() if isinstance(h, kind) and h.name == name), None)


class WeightNorm:
    """The hook that computes `name` of `name_g` and `name_v`."""

    def __init__(self, name, dim):
        self.name, self.dim = name, -1 if dim is None else dim

    def compute_weight(self, module):
        """The weight of the module's present direction and norm."""
        return normed(getattr(module, self.name + "_v"), getattr(module, self.name + "_g"), self.dim)

    @staticmethod
    def apply(module, name, dim):
        """The hook, registered on the module."""
        if _hook_of(module, WeightNorm, name) is not None:
            raise RuntimeError(located(f"Cannot register two weight_norm hooks on the same parameter {name}"))
        hook = WeightNorm(name, dim)
        weight = getattr(module, name)
        del module._parameters[name]
        module.register_parameter(name + "_g", Parameter(norm_except_dim(weight, 2, hook.dim).detach()))
        module.register_parameter(name + "_v", Parameter(weight.detach()))
        setattr(module, name, hook.compute_weight(module))
        module.register_forward_pre_hook(hook)
        return hook

    def remove(self, module):
        """Make the weight an ordinary parameter again."""
        weight = self.compute_weight(module)
        delattr(module, self.name)
        del module._parameters[self.name + "_g"]
        del module._parameters[self.name + "_v"]
        setattr(module, self.name, Parameter(weight.detach()))

    def __call__(self, module, inputs):
        setattr(module, self.name, self.compute_weight(module))


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """`module`, whose weight is a direction, `weight_v`, times a norm, `weight_g`, for each index of `dim`."""
    message = "`torch.nn.utils.weight_norm` is deprecated in favor of `torch.nn.utils.parametrizations.weight_norm`."
    warn(message, FutureWarning)
    WeightNorm.apply(module, name, dim)
    return module


def remove_weight_norm(module: Module, name: str = "weight") -> Module:
    """`module` with an ordinary weight again."""
    found = _hook_of(module, WeightNorm, name)
    if found is None:
        raise ValueError(located(f"weight_norm of '{name}' not found in {module}"))
    found[1].remove(module)
    del module._forward_pre_hooks[found[0]]
    return module


class SpectralNorm:
    """The hook that computes `name` of `name_orig`, following its largest singular value in `name_u` and `name_v`."""

    _version = 1

    def __init__(self, name="weight", n_power_iterations=1, dim=0, eps=1e-12):
        if n_power_iterations <= 0:
            what = f"but got n_power_iterations={n_power_iterations}"
            raise ValueError(located(f"Expected n_power_iterations to be positive, {what}"))
        self.name, self.dim, self.n_power_iterations, self.eps = name, dim, n_power_iterations, eps

    def reshape_weight_to_matrix(self, weight):
        """The weight as a matrix whose rows are the indices of `dim`."""
        return (weight.movedim(self.dim, 0) if self.dim else weight).reshape(weight.shape[self.dim], -1)

    def compute_weight(self, module, do_power_iteration):
        """The weight divided by its largest singular value."""
        weight, u, v = (getattr(module, self.name + end) for end in ("_orig", "_u", "_v"))
        matrix = self.reshape_weight_to_matrix(weight)
        if do_power_iteration:
            with modes.no_grad():
                for _ in range(self.n_power_iterations):
                    v.copy_(unit(matrix.t().mv(u), self.eps))
                    u.copy_(unit(matrix.mv(v), self.eps))
                u, v = u.clone(), v.clone()
        return weight / PLACES["torch"]["dot"](u, matrix.mv(v))

    def remove(self, module):
        """Make the weight an ordinary parameter again."""
        with modes.no_grad():
            weight = self.compute_weight(module, do_power_iteration=False)
        delattr(module, self.name)
        for end in ("_u", "_v", "_orig"):
            delattr(module, self.name + end)
        module.register_parameter(self.name, Parameter(weight.detach()))

    def __call__(self, module, inputs):
        setattr(module, self.name, self.compute_weight(module, do_power_iteration=module.training))

    @staticmethod
    def apply(module, name, n_power_iterations, dim, eps):
        """The hook, registered on the module."""
        if _hook_of(module, SpectralNorm, name) is not None:
            raise RuntimeError(located(f"Cannot register two spectral_norm hooks on the same parameter {name}"))
        hook = SpectralNorm(name, n_power_iterations, dim, eps)
        weight = module._parameters[name]
        if weight is None:
            raise ValueError(located(f"`SpectralNorm` cannot be applied as parameter `{name}` is None"))
        with modes.no_grad():
            matrix = hook.reshape_weight_to_matrix(weight)
            u, v = (unit(weight.new_empty(size).normal_(0, 1), eps) for size in matrix.shape)
        del module._parameters[name]
        module.register_parameter(name + "_orig", weight)
        setattr(module, name, weight.data)
        module.register_buffer(name + "_u", u)
        module.register_buffer(name + "_v", v)
        module.register_forward_pre_hook(hook)
        module._register_state_dict_hook(_note_version(hook))
        module._register_load_state_dict_pre_hook(_keep_loaded(hook))
        return hook


def _note_version(hook):
    def note(module, state_dict, prefix, local_metadata):
        local_metadata.setdefault("spectral_norm", {})[hook.name + ".version"] = hook._version

    note.hook = hook  # type: ignore[attr-defined]
    return note


def _keep_loaded(hook):
    """A state dict may also hold the computed weight, as those of PyTorch's first version do: it is left out."""

    def drop(state_dict, prefix, *rest):
        if prefix + hook.name + "_orig" in state_dict:
            state_dict.pop(prefix + hook.name, None)

    drop.hook = hook  # type: ignore[attr-defined]
    return drop


def spectral_norm(module, name="weight", n_power_iterations=1, eps=1e-12, dim=None):
    """`module`, whose weight is divided by its largest singular value before each call."""
    if dim is None:
        dim = 1 if isinstance(module, _ConvTransposeNd) else 0
    SpectralNorm.apply(module, name, n_power_iterations, dim, eps)
    return module


def remove_spectral_norm(module, name="weight"):
    """`module` with an ordinary weight again."""
    found = _hook_of(module, SpectralNorm, name)
    if found is None:
        raise ValueError(located(f"spectral_norm of '{name}' not found in {module}"))
    found[1].remove(module)
    del module._forward_pre_hooks[found[0]]
    for table in (module._state_dict_hooks, module._load_state_dict_pre_hooks):
        for key, each in list(table.items()):
            if getattr(each, "hook", None) is found[1]:
                del table[key]
    return module
