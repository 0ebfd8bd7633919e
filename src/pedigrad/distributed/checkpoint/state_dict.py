"""`torch.distributed.checkpoint.state_dict`, states of models and optimizers: the names are there; using them is refused."""

from ... import distributed as _distributed
from ...core.refused import refused

globals().update(refused(__name__, _distributed._WHY, classes="StateDictOptions"))
globals().update(
    refused(
        __name__,
        _distributed._WHY,
        functions="get_model_state_dict get_optimizer_state_dict get_state_dict set_model_state_dict set_optimizer_state_dict"
        " set_state_dict _init_optim_state",
    )
)
