"""`torch.distributed.checkpoint`, files that many processes write: the names are there; using them is refused."""

from ... import distributed as _distributed
from ...core.refused import lazily, refused

globals().update(
    refused(
        __name__,
        _distributed._WHY,
        classes="FileSystemReader FileSystemWriter StorageReader StorageWriter LoadPlanner SavePlanner DefaultLoadPlanner"
        " DefaultSavePlanner Metadata BytesStorageMetadata TensorStorageMetadata HuggingFaceStorageReader"
        " HuggingFaceStorageWriter",
    )
)
globals().update(
    refused(
        __name__,
        _distributed._WHY,
        functions="load save async_save load_state_dict save_state_dict load_sharded_optimizer_state_dict",
    )
)

__getattr__ = lazily(__name__, __path__)
