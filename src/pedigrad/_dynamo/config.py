"""`torch._dynamo.config`: settings of PyTorch's recorder; they are kept, and change nothing."""

from ..core.settings import settings

settings(__name__)

cache_size_limit = recompile_limit = 8
accumulated_cache_size_limit = accumulated_recompile_limit = 256
suppress_errors = verbose = capture_scalar_outputs = capture_dynamic_output_shape_ops = disable = False
optimize_ddp = automatic_dynamic_shapes = assume_static_by_default = inline_inbuilt_nn_modules = True
skip_fwd_side_effects_in_bwd_under_checkpoint = False
