"""`torch.cuda.sparse`: types of sparse tensors on a device, neither of which there is."""

from ..core.absent import absent
from ..core.accelerators import why

_TYPES = " ".join(f"{kind}Tensor" for kind in "BFloat16 Byte Char Double Float Half Int Long Short".split())

globals().update(absent(__name__, why(__name__), classes=_TYPES, error=TypeError))
