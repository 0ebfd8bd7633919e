"""torch.return_types: the classes of several results that have names, such as `values` and `indices` of `torch.max(x, dim)`."""

from __future__ import annotations

import operator
from typing import Any, ClassVar


class Results(tuple):
    """A tuple whose items are attributes too; made, as PyTorch's are, from one iterable (or, as named tuples are, item by item)."""

    __slots__ = ()
    _fields: ClassVar[tuple[str, ...]] = ()

    def __new__(cls, values: Any, *more: Any) -> Results:
        made = tuple.__new__(cls, (values, *more) if more else values)
        if len(made) != len(cls._fields):
            raise TypeError(f"torch.return_types.{cls.__name__} takes {len(cls._fields)} values, got {len(made)}")
        return made

    @classmethod
    def _make(cls, values: Any) -> Results:
        return cls(values)

    def __repr__(self) -> str:
        items = ",\n".join(f"{name}={value!r}" for name, value in zip(self._fields, self, strict=True))
        return f"torch.return_types.{type(self).__name__}(\n{items})"


def named(name: str, fields: tuple[str, ...]) -> type[Results]:
    """The class of results with these names, found here as `name`, as pickle wants it."""
    items = {field: property(operator.itemgetter(i)) for i, field in enumerate(fields)}
    made = type(name, (Results,), {"__slots__": (), "__module__": Results.__module__, "_fields": fields, **items})
    globals()[name] = made
    return made
