"""Under which names pickles know our classes and functions: PyTorch's, so that either library reads what the other writes."""

from __future__ import annotations

import difflib
import pickle
from importlib import import_module
from types import FunctionType
from typing import Any

from ..core import dtypes
from ..core.declare import PLACES
from ..core.device import device
from ..core.memory import UntypedStorage
from ..core.quantized import SCHEMES, qscheme
from ..core.shapes import Size
from ..core.tensor import Tensor
from ..nn import hooks, parameter
from ..nn.linear import NonDynamicallyQuantizableLinear
from ..storage import LEGACY_STORAGES, TypedStorage
from . import rebuild

PACKAGE = __package__.partition(".")[0]

# The files of torch.nn.modules that the classes of torch.nn are in.
_LAYERS = {
    "activation": "CELU ELU GELU GLU Hardshrink Hardsigmoid Hardswish Hardtanh LeakyReLU LogSigmoid LogSoftmax Mish MultiheadAttention"
    " PReLU RReLU ReLU ReLU6 SELU SiLU Sigmoid Softmax Softmax2d Softmin Softplus Softshrink Softsign Tanh Tanhshrink Threshold",
    "adaptive": "AdaptiveLogSoftmaxWithLoss",
    "batchnorm": "BatchNorm1d BatchNorm2d BatchNorm3d LazyBatchNorm1d LazyBatchNorm2d LazyBatchNorm3d SyncBatchNorm",
    "channelshuffle": "ChannelShuffle",
    "container": "ModuleDict ModuleList ParameterDict ParameterList Sequential",
    "conv": "Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d LazyConv1d LazyConv2d LazyConv3d"
    " LazyConvTranspose1d LazyConvTranspose2d LazyConvTranspose3d",
    "distance": "CosineSimilarity PairwiseDistance",
    "dropout": "AlphaDropout Dropout Dropout1d Dropout2d Dropout3d FeatureAlphaDropout",
    "flatten": "Flatten Unflatten",
    "fold": "Fold Unfold",
    "instancenorm": "InstanceNorm1d InstanceNorm2d InstanceNorm3d LazyInstanceNorm1d LazyInstanceNorm2d LazyInstanceNorm3d",
    "linear": "Bilinear Identity LazyLinear Linear NonDynamicallyQuantizableLinear",
    "loss": "BCELoss BCEWithLogitsLoss CTCLoss CosineEmbeddingLoss CrossEntropyLoss GaussianNLLLoss HingeEmbeddingLoss HuberLoss KLDivLoss"
    " L1Loss LinearCrossEntropyLoss MSELoss MarginRankingLoss MultiLabelMarginLoss MultiLabelSoftMarginLoss MultiMarginLoss NLLLoss"
    " NLLLoss2d PoissonNLLLoss SmoothL1Loss SoftMarginLoss TripletMarginLoss TripletMarginWithDistanceLoss",
    "module": "Module",
    "normalization": "CrossMapLRN2d GroupNorm LayerNorm LocalResponseNorm RMSNorm",
    "padding": "CircularPad1d CircularPad2d CircularPad3d ConstantPad1d ConstantPad2d ConstantPad3d ReflectionPad1d ReflectionPad2d"
    " ReflectionPad3d ReplicationPad1d ReplicationPad2d ReplicationPad3d ZeroPad1d ZeroPad2d ZeroPad3d",
    "pixelshuffle": "PixelShuffle PixelUnshuffle",
    "pooling": "AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d AdaptiveMaxPool1d AdaptiveMaxPool2d AdaptiveMaxPool3d AvgPool1d"
    " AvgPool2d AvgPool3d FractionalMaxPool2d FractionalMaxPool3d LPPool1d LPPool2d LPPool3d MaxPool1d MaxPool2d MaxPool3d MaxUnpool1d"
    " MaxUnpool2d MaxUnpool3d",
    "rnn": "GRU GRUCell LSTM LSTMCell RNN RNNBase RNNCell RNNCellBase",
    "sparse": "Embedding EmbeddingBag",
    "transformer": "Transformer TransformerDecoder TransformerDecoderLayer TransformerEncoder TransformerEncoderLayer",
    "upsampling": "Upsample UpsamplingBilinear2d UpsamplingNearest2d",
}
_FILE_OF = {name: file for file, names in _LAYERS.items() for name in names.split()}
_OPTIMIZERS = {"adafactor": "_adafactor", "muon": "_muon"}  # files of torch.optim with another name
_OWN = frozenset(("alias", "capture", "cli", "codegen", "core", "demo", "eager", "rng", "serialization"))  # no part of PyTorch's API
_PLACES = {"F": "torch.nn.functional", "torch": "torch", "linalg": "torch.linalg", "special": "torch.special"}

EXACT: dict[Any, tuple[str, str]] = {
    Tensor: ("torch", "Tensor"),
    Size: ("torch", "Size"),
    device: ("torch", "device"),
    dtypes.dtype: ("torch", "dtype"),
    parameter.Parameter: ("torch.nn.parameter", "Parameter"),
    parameter.Buffer: ("torch.nn.parameter", "Buffer"),
    parameter.UninitializedParameter: ("torch.nn.parameter", "UninitializedParameter"),
    parameter.UninitializedBuffer: ("torch.nn.parameter", "UninitializedBuffer"),
    parameter._rebuild_parameter: ("torch._utils", "_rebuild_parameter"),
    parameter._rebuild_parameter_with_state: ("torch._utils", "_rebuild_parameter_with_state"),
    rebuild._rebuild_tensor: ("torch._utils", "_rebuild_tensor"),
    rebuild._rebuild_tensor_v2: ("torch._utils", "_rebuild_tensor_v2"),
    rebuild._rebuild_tensor_v3: ("torch._utils", "_rebuild_tensor_v3"),
    rebuild._rebuild_from_type_v2: ("torch._tensor", "_rebuild_from_type_v2"),
    rebuild._rebuild_sparse_tensor: ("torch._utils", "_rebuild_sparse_tensor"),
    rebuild._rebuild_qtensor: ("torch._utils", "_rebuild_qtensor"),
    rebuild._rebuild_meta_tensor_no_storage: ("torch._utils", "_rebuild_meta_tensor_no_storage"),
    rebuild._get_layout: ("torch.serialization", "_get_layout"),
    hooks.RemovableHandle: ("torch.utils.hooks", "RemovableHandle"),
    hooks.WithModule: ("torch.nn.modules.module", "_WrappedHook"),
    UntypedStorage: ("torch.storage", "UntypedStorage"),
    TypedStorage: ("torch.storage", "TypedStorage"),
    **{each: ("torch", name) for name, each in LEGACY_STORAGES.items()},
}
OURS: dict[tuple[str, str], Any] = {name: each for each, name in EXACT.items()}
OURS |= {("torch", d.name): d for d in (*dtypes.ALL, *dtypes.UNUSABLE)}
OURS |= {("torch", scheme.name): scheme for scheme in SCHEMES}
OURS |= {("torch.cuda", name): each for name, each in LEGACY_STORAGES.items()}
OURS |= {("torch", "UntypedStorage"): UntypedStorage, ("torch", "TypedStorage"): TypedStorage}
OURS |= {("torch.tensor", "_rebuild_from_type_v2"): rebuild._rebuild_from_type_v2}
OURS |= {("torch.nn.modules.linear", "NonDynamicallyQuantizableLinear"): NonDynamicallyQuantizableLinear}
EXACT[hooks.HookTable] = ("collections", "OrderedDict")

_published: dict[int, tuple[str, str]] = {}


def public(obj: Any) -> tuple[str, str] | None:
    """The module and name that pickles know a class, function or dtype of ours by; None for what is not ours."""
    if isinstance(obj, (dtypes.dtype, qscheme)):
        return "torch", obj.name
    found = EXACT.get(obj)
    if found is not None:
        return found
    module, name = getattr(obj, "__module__", None) or "", obj.__qualname__
    if not module.startswith(PACKAGE + "."):
        return None
    parts = module.split(".")[1:]
    if isinstance(obj, FunctionType):
        return _function(obj) or ((".".join(["torch", *parts]), name) if parts[0] not in (*_OWN, "ops") else None)
    if parts[0] == "nn" and name in _FILE_OF:
        return f"torch.nn.modules.{_FILE_OF[name]}", name
    if parts[0] in _OWN or parts[0] == "ops":
        return None
    if parts[:2] == ["optim", "lr_scheduler"]:
        return "torch.optim.lr_scheduler", name
    if parts[0] == "optim":
        parts[1:] = [_OPTIMIZERS.get(part, part) for part in parts[1:]]
    return ".".join(["torch", *parts]), name


def _function(function: Any) -> tuple[str, str] | None:
    if not _published:
        for place, module in reversed(_PLACES.items()):
            _published.update({id(each): (module, name) for name, each in PLACES.get(place, {}).items()})
    return _published.get(id(function))


def ours(module: str, name: str) -> Any:
    """What a name in a pickle stands for, if it is one of PyTorch's; None for other modules' names. UnpicklingError if we lack it."""
    found = OURS.get((module, name))
    if found is not None:
        return found
    if module != "torch" and not module.startswith("torch."):
        return None
    if (module, name) == ("torch._C", "_VariableFunctionsClass"):
        return import_module(PACKAGE)
    return _looked_up(module, name)


def _looked_up(module: str, name: str) -> Any:
    """What is published as `module.name`."""
    place = PACKAGE + module[len("torch") :]
    if module.startswith("torch.nn.modules"):
        place = f"{PACKAGE}.nn"
    elif module == "torch._C._nn":
        place = f"{PACKAGE}.nn.functional"
    elif module.startswith("torch.optim._"):
        place = place.replace("._", ".")
    try:
        where: Any = import_module(place)
    except ModuleNotFoundError as error:
        if error.name is None or not place.startswith(error.name):
            raise
        raise pickle.UnpicklingError(f"the file names {module}.{name}, which pedigrad has not") from None
    found = where
    for part in name.split("."):
        found = getattr(found, part, None)
        if found is None:
            near = difflib.get_close_matches(name, dir(where), n=1)
            hint = f"; the nearest it has is {module}.{near[0]}" if near else ""
            raise pickle.UnpicklingError(f"the file names {module}.{name}, which pedigrad has not{hint}")
    return found


def full(obj: Any) -> str:
    """The dotted name that pickles know a class or function by, ours or not."""
    module, name = public(obj) or (obj.__module__, obj.__qualname__)
    return f"{module}.{name}"
