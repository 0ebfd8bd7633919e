"""`torch.backends.cpu`: the vectors that native code uses."""

from ..codegen.emit.llvm import vector_bits


def get_cpu_capability() -> str:
    """The widest kind of vectors that native code uses on this processor, by PyTorch's names: AVX512, AVX2, or DEFAULT."""
    try:
        return {512: "AVX512", 256: "AVX2"}.get(vector_bits(), "DEFAULT")
    except ImportError:  # no llvmlite, so no native code
        return "DEFAULT"
