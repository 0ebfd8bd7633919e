"""`torch.xpu.random`: the names of `torch.xpu` that are about it."""

from .. import xpu as _xpu

globals().update(
    {
        _name: getattr(_xpu, _name)
        for _name in (
            "manual_seed",
            "manual_seed_all",
            "seed",
            "seed_all",
            "initial_seed",
            "get_rng_state",
            "get_rng_state_all",
            "set_rng_state",
            "set_rng_state_all",
        )
    }
)
