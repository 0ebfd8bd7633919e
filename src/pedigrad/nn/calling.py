"""The call of a module that has hooks: what runs before, around and after its forward."""

import itertools

from ..core import modes
from ..core.origin import warn
from ..core.tensor import Tensor
from .backward_hooks import BackwardHooks, attach_old_hooks
from .hooks import (
    backward_hooks,
    global_forward_hooks,
    global_forward_hooks_always_called,
    global_forward_hooks_with_kwargs,
    global_forward_pre_hooks,
)

_SILENCED = "raised an exception that was silenced as another error was raised in forward: "


def call_with_hooks(module, args, kwargs):
    """What `forward` returns, as the hooks that apply to the module see and change it."""
    if not (global_forward_hooks_always_called or module._forward_hooks_always_called):
        return _Call(module, args, kwargs).run()
    call = _Call(module, args, kwargs)
    try:
        return call.run()
    except Exception:
        call.run_the_rest()
        raise


class _Call:
    """One call in progress; it remembers how far it came, for the hooks that must run after an error too."""

    def __init__(self, module, args, kwargs):
        self.module, self.args, self.kwargs = module, args, kwargs
        self.result = None
        self.done = set()

    def run(self):
        module = self.module
        full, old, before = backward_hooks(module)
        self._run_pre_hooks()
        watch = BackwardHooks(module, full, before) if full or before else None
        if watch is not None:
            self.args = watch.inputs(self.args)
        self.result = module.forward(*self.args, **self.kwargs)
        for id, hook, with_kwargs, _ in self._forward_hooks():
            self.done.add(id)
            self._run_forward_hook(hook, with_kwargs)
        if watch is not None:
            self.result = self._watched(watch)
        if old and modes.grad_enabled():
            attach_old_hooks(module, old, self.args, self.result)
        return self.result

    def _run_pre_hooks(self):
        module = self.module
        own = module._forward_pre_hooks
        for id, hook in (*global_forward_pre_hooks.items(), *own.items()):
            if id in own and id in module._forward_pre_hooks_with_kwargs:
                out = hook(module, self.args, self.kwargs)
                if out is None:
                    continue
                if not (isinstance(out, tuple) and len(out) == 2):
                    raise RuntimeError(f"forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got {out}.")
                self.args, self.kwargs = out
            else:
                out = hook(module, self.args)
                if out is not None:
                    self.args = out if isinstance(out, tuple) else (out,)

    def _forward_hooks(self):
        """(id, hook, whether it wants keyword arguments, whether it runs after an error too), in order."""
        module = self.module
        everyone = ((id, hook, global_forward_hooks_with_kwargs, global_forward_hooks_always_called)
                    for id, hook in global_forward_hooks.items())  # fmt: skip
        own = ((id, hook, module._forward_hooks_with_kwargs, module._forward_hooks_always_called)
               for id, hook in module._forward_hooks.items())  # fmt: skip
        return [(id, hook, id in kw, id in always) for id, hook, kw, always in itertools.chain(everyone, own)]

    def _run_forward_hook(self, hook, with_kwargs):
        given = (self.args, self.kwargs) if with_kwargs else (self.args,)
        out = hook(self.module, *given, self.result)
        if out is not None:
            self.result = out

    def _watched(self, watch):
        result = self.result
        if isinstance(result, tuple):
            return watch.outputs(result)
        if isinstance(result, Tensor):
            return watch.outputs((result,))[0]
        warn(f"For backward hooks to be called, module output should be a Tensor or a tuple of Tensors but received {type(result)}")
        return result

    def run_the_rest(self):
        """After an error: the hooks that must always run and have not; their own errors become warnings."""
        for id, hook, with_kwargs, always in self._forward_hooks():
            if not always or id in self.done:
                continue
            try:
                self._run_forward_hook(hook, with_kwargs)
            except Exception as error:
                whose = "global module" if id in global_forward_hooks else "module"
                warn(f"{whose} forward hook with ``always_call=True`` {_SILENCED}{error}")
