"""torch.func: functions made of modules and of other functions."""

from ..nn.utils.stateless import call as functional_call

__all__ = ["functional_call"]
