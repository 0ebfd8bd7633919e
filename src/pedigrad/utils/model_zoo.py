"""torch.utils.model_zoo: the old name of what `torch.hub` has."""

from .. import hub as _hub

__all__ = ["load_url"]


def load_url(url, *args, **kwargs):
    """`hub.load_state_dict_from_url(url, ...)`, whose arguments it takes."""
    return _hub.load_state_dict_from_url(url, *args, **kwargs)  # type: ignore[attr-defined]


def __getattr__(name):
    """The bar that shows progress, which is the hub's."""
    if name == "tqdm":
        return _hub.tqdm  # type: ignore[attr-defined]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
