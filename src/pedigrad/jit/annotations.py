"""`torch.jit.annotations`: the names that old programs take their types from."""

from typing import Any, Dict, List, Optional, Tuple, Union  # noqa: F401, UP035

from ..core.tensor import Tensor as Tensor
from ..futures import Future as Future

BroadcastingList1 = BroadcastingList2 = BroadcastingList3 = list
