"""`torch.cuda.random`: of generators that no device has."""

from .. import cuda as _cuda

globals().update(
    {
        _name: getattr(_cuda, _name)
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
