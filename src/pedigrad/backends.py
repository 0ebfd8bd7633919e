"""`torch.backends`: switches of libraries that are not here; setting them does nothing."""

from __future__ import annotations

from types import SimpleNamespace


class _Backend(SimpleNamespace):
    def is_available(self) -> bool:
        """False."""
        return False

    def is_built(self) -> bool:
        """False."""
        return False


cudnn = _Backend(enabled=False, benchmark=False, deterministic=False, allow_tf32=False)
cudnn.version = lambda: None
cuda = _Backend(matmul=_Backend(allow_tf32=False), enabled=False)
mps = _Backend()
mkl = _Backend()
mkldnn = _Backend(enabled=False)
openmp = _Backend()
