"""`torch.distributed.checkpoint.default_planner`, what each process would write: the names are there; using them is refused."""

from ... import distributed as _distributed
from ...core.refused import refused

globals().update(refused(__name__, _distributed._WHY, classes="DefaultLoadPlanner DefaultSavePlanner _EmptyStateDictLoadPlanner"))
