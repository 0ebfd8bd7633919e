"""A module whose calls run compiled programs."""

from __future__ import annotations

from typing import Any

from ..core import watching
from ..nn.module import Module
from .function import compiled_function


class OptimizedModule(Module):
    """What `compile` makes of a module: another module, with the same parameters, that runs compiled programs of it.

    It has the attributes of the original, which is its child `_orig_mod`.
    """

    def __init__(self, module: Module, fullgraph: bool = False):
        super().__init__()
        self.__dict__["_fullgraph"] = fullgraph
        self._orig_mod = module
        self.__dict__["training"] = module.training
        self._prepare()

    def _prepare(self) -> None:
        """Compile the original's call: its hooks are run too."""
        self.__dict__["forward"] = compiled_function(self._orig_mod, self._fullgraph)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if any(self.__dict__[name] for name in ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")):
            return super().__call__(*args, **kwargs)
        if (watcher := watching.watcher) is not None and watcher.hearing:
            return watcher.module(self._orig_mod, args, kwargs, self.forward)
        return self.forward(*args, **kwargs)

    @property
    def compiled(self) -> Any:
        """The programs."""
        return self.__dict__["forward"].compiled

    def explain(self, time: bool = True, eager: Any = None) -> Any:
        """What became of the module, and where its time goes; with `eager`, the arguments of a call, how much faster it is."""
        return self.compiled.explain(time, eager)

    def __getattr__(self, name: str) -> Any:
        if name == "_orig_mod":
            return self.__dict__["_modules"]["_orig_mod"]
        return getattr(self._orig_mod, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "_orig_mod" or name == "__class__":
            super().__setattr__(name, value)
        elif name == "training":
            self.__dict__["training"] = value
            if "_orig_mod" in self.__dict__.get("_modules", ()):
                self._orig_mod.training = value
        elif "_modules" in self.__dict__ and "_orig_mod" in self.__dict__["_modules"]:
            setattr(self._orig_mod, name, value)
        else:
            super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._orig_mod, name)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *dir(self._orig_mod)})

    def __len__(self) -> int:
        return len(self._orig_mod)  # type: ignore[arg-type]

    def __getitem__(self, index: Any) -> Any:
        return self._orig_mod[index]  # type: ignore[index]

    def __iter__(self) -> Any:
        return iter(self._orig_mod)  # type: ignore[call-overload]

    def __contains__(self, name: Any) -> bool:
        return name in self._orig_mod  # type: ignore[operator, attr-defined]

    def __bool__(self) -> bool:
        return True

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        state.pop("forward", None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._prepare()
