"""`torch.cuda.sparse`: types of sparse tensors on a device, neither of which there is."""

from ..core.accelerators import why
from ..core.refused import refused

_TYPES = " ".join(f"{kind}Tensor" for kind in "BFloat16 Byte Char Double Float Half Int Long Short".split())

globals().update(refused(__name__, why(__name__), classes=_TYPES, error=TypeError))
