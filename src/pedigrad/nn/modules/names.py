"""Names that PyTorch's layer modules have beside the layers, which programs import."""

from .. import hooks, padding, state
from ..tuples import _list_with_default, _ntuple, _pair, _quadruple, _reverse_repeat_tuple, _single, _triple


def consume_prefix_in_state_dict_if_present(state_dict, prefix):
    """Take `prefix` away from the names that begin with it, in place."""
    for key in list(state_dict):
        if key.startswith(prefix):
            state_dict[key[len(prefix) :]] = state_dict.pop(key)
    metadata = getattr(state_dict, "_metadata", None) or {}
    for key in list(metadata):
        if key and (key == prefix.rstrip(".") or key.startswith(prefix)):
            metadata[key[len(prefix) :]] = metadata.pop(key)


def _addindent(s_, numSpaces):
    """The text with all lines but the first moved to the right."""
    return s_.replace("\n", "\n" + " " * numSpaces)


UTILS = {
    each.__name__: each
    for each in (
        _ntuple, _single, _pair, _triple, _quadruple, _reverse_repeat_tuple, _list_with_default, consume_prefix_in_state_dict_if_present,
    )
}  # fmt: skip
MODULE_NAMES = {
    "_addindent": _addindent,
    "_EXTRA_STATE_KEY_SUFFIX": state.EXTRA_STATE,
    "_has_any_global_hook": hooks.global_hooks,
    "_global_forward_hooks": hooks.global_forward_hooks,
    "_global_forward_pre_hooks": hooks.global_forward_pre_hooks,
    "_global_backward_hooks": hooks.global_backward_hooks,
    "_global_backward_pre_hooks": hooks.global_backward_pre_hooks,
    "_WrappedHook": hooks.WithModule,
}
PADDINGS = {name: getattr(padding, name, padding._PadNd) for name in ("_CircularPadNd", "_ReflectionPadNd", "_ReplicationPadNd")}
