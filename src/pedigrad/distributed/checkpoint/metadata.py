"""`torch.distributed.checkpoint.metadata`, what is written: the names are there; using them is refused."""

from ... import distributed as _distributed
from ...core.refused import refused

globals().update(
    refused(
        __name__,
        _distributed._WHY,
        classes="Metadata TensorStorageMetadata BytesStorageMetadata ChunkStorageMetadata TensorProperties MetadataIndex",
    )
)
