"""`torch.distributed.checkpoint._consolidate_hf_safetensors`, joining files: the names are there; using them is refused."""

from ... import distributed as _distributed
from ...core.refused import refused

globals().update(
    refused(__name__, _distributed._WHY, functions="consolidate_safetensors_files consolidate_safetensors_files_on_every_rank")
)
