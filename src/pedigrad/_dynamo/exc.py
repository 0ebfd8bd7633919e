"""`torch._dynamo.exc`: errors of PyTorch's recorder, which programs catch and which nobody raises."""


class TorchDynamoException(RuntimeError):
    """A function could not be recorded."""


class Unsupported(TorchDynamoException):
    """A function does what cannot be recorded."""


class BackendCompilerFailed(TorchDynamoException):
    """What was recorded could not be compiled."""


class InternalTorchDynamoError(TorchDynamoException):
    """The recorder failed."""


class UserError(Unsupported):
    """A function was written in a way that cannot be recorded."""
