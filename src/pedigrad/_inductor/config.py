"""`torch._inductor.config`: settings of PyTorch's compiler; they are kept, and change nothing."""

from types import SimpleNamespace

from ..core.settings import settings

settings(__name__)

triton = SimpleNamespace(unique_kernel_names=False, cudagraphs=False, cudagraph_trees=True)
cpp = SimpleNamespace(threads=-1, simdlen=None)
trace = SimpleNamespace(enabled=False)
coordinate_descent_tuning = coordinate_descent_check_all_directions = epilogue_fusion = max_autotune = freezing = debug = False
fx_graph_cache = assert_indirect_indexing = True
