"""The observer: hears at the gates what a program does, keeps what is known of it, and tells the checks that listen.

What happens often and inside models is told of only in some steps (`Pace`), since dispatch takes its long way then.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from threading import get_ident
from typing import Any

import numpy as np

from ..core import modes, watching
from ..core.graph import Leaf
from ..core.origin import Origin
from ..core.tensor import Tensor
from .findings import EVENTS, Check
from .program import SCHEDULES, Call, FunctionCall, Pass, Program, tensors_in

FIRST, EVERY = 3, 50  # the steps that are looked at closely: the first few, and then one of so many
BEFORE = 20_000  # operations before the first backward pass after which looking ends
MEASURED = 20  # calls without gradients that are looked at


class Pace:
    """When operations are told of: it costs time, so not always."""

    def __init__(self) -> None:
        self.operations = 0
        self.measured = 0

    def due(self, passes: int) -> bool:
        """Whether the step after so many backward passes is to be looked at."""
        return passes < FIRST or passes % EVERY == 0

    def due_in(self, call: Call, passes: int) -> bool:
        """Whether what follows a model's call is to be looked at."""
        if call.grad:
            return self.due(passes)
        self.measured += 1
        return self.measured <= MEASURED


class Observer(watching.Watcher):
    """The watcher of one session, for the thread that opened it."""

    def __init__(self, program: Program, checks: Iterable[Check]):
        self.program = program
        self.checks = list(checks)
        self.thread = get_ident()
        self.pace = Pace()
        self.faults: list[str] = []
        self.within = 0  # calls of models that run
        self.stepping = False
        self.running: Pass | None = None
        self.lenders: dict[int, tuple[Any, Any]] = {}  # what `.data` returned, and whose it is, both weakly
        self.listeners: dict[str, list[Check]] = {e: [c for c in self.checks if e in c.listens()] for e in EVENTS}
        self.by_function: dict[str, list[Check]] = {}
        for check in self.listeners["function"]:
            for name in check.functions:
                self.by_function.setdefault(name, []).append(check)

    def tell(self, event: str, *what: Any) -> None:
        """Tell the checks that listen."""
        self._tell(self.listeners[event], event, what)

    def _tell(self, checks: list[Check], event: str, what: tuple[Any, ...]) -> None:
        for check in checks:
            try:
                getattr(check, event)(*what)
            except Exception as error:  # a fault of ours must not end the user's program; it is reported
                self.faults.append(f"the check {check.name} failed on {event}: {type(error).__name__}: {error}")
                self.retire(check)

    def retire(self, check: Check) -> None:
        """Tell a check nothing more."""
        for listeners in (*self.listeners.values(), *self.by_function.values()):
            if check in listeners:
                listeners.remove(check)

    def look(self, on: bool) -> None:
        """Begin or end to be told of single operations."""
        if on != self.looking:
            self.looking = on
            modes.need_long_way(+1 if on else -1)
            self.tell("look", on)

    def elsewhere(self) -> bool:
        """Whether another thread than the session's runs."""
        return get_ident() != self.thread

    # The gates

    def operation(self, op: Any, operands: tuple[Any, ...], run: Callable[[], Any]) -> Any:
        result = run()
        if self.running is None and not self.elsewhere():
            flat = tuple(operands[0]) if op.variadic else operands
            self.tell("operation", op, flat, result)
            self.pace.operations += 1
            if self.pace.operations > BEFORE and not self.program.passes:
                self.look(False)
        return result

    def function(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], run: Callable[..., Any]) -> Any:
        checks = self.by_function.get(function.__name__)
        if not checks or self.elsewhere():
            return run(*args, **kwargs)
        call = FunctionCall(function.__name__, args, kwargs)
        try:
            call.result = run(*args, **kwargs)
        except Exception as error:
            call.error = error
            self._tell(list(checks), "function", (call,))
            raise
        self._tell(list(checks), "function", (call,))
        return call.result

    def module(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any], run: Callable[..., Any]) -> Any:
        if self.within or self.elsewhere() or not self.program.is_model(module):
            return run(*args, **kwargs)
        call = Call(self.program.model(module), args, kwargs, Origin.here(), modes.grad_enabled())
        self.look(self.pace.due_in(call, self.program.passes))
        self.program.last_call = call
        self.tell("calling", call)
        self.within += 1
        try:
            call.result = run(*args, **kwargs)
        finally:
            self.within -= 1
        call.output = next(tensors_in(call.result), None)
        call.model.calls += 1
        self.tell("called", call)
        if call.grad:
            self.program.calls.append(call)
            del self.program.calls[:-64]
        call.args, call.kwargs, call.inputs = (), {}, []
        return call.result

    def backward(self, tensors: Any, run: Any, go: Callable[[], None]) -> None:
        if self.elsewhere() or self.running is not None:
            return go()
        self.updates_by_hand()
        outer = self.running = Pass(tensors, self.program.passes, run.accumulate)
        self.tell("backward", outer)
        looking = self.looking
        self.look(False)  # the rules' own operations are not the user's
        try:
            go()
        except Exception as error:
            outer.error = error
            raise
        finally:
            self.running = None
            self.look(looking)
            self.program.passes += outer.accumulates
            self.program.note_loose(outer.leaves)
            for call in self.program.calls:
                call.passed = True
            self.tell("backwarded", outer)
            self.program.calls = [call for call in self.program.calls if not call.passed]
            self.look(self.pace.due(self.program.passes))

    def updates_by_hand(self) -> None:
        """Find the leaves without an optimizer that were written to since they got their gradients."""
        changed = self.program.changed_by_hand()
        if changed:
            self.program.written.update((id(p), p) for p in changed)
            self.tell("by_hand", changed)

    def gradients(self, node: Any, given: Any, gradients: Any) -> None:
        outer = self.running
        if outer is None or self.elsewhere():
            return
        for parent, d in zip(node.parents, gradients, strict=False):
            if d is None or parent is None:
                continue
            if parent.__class__ is Leaf:
                outer.leaves.add(parent)
            array = d._array if isinstance(d, Tensor) else d
            if array.__class__ is np.ndarray and array.dtype.kind == "f" and not np.isfinite(array.sum()) and not np.isfinite(array).all():
                self.tell("not_finite", node, given, outer)

    def optimizer_made(self, optimizer: Any) -> None:
        self.program.updater(optimizer)

    def optimizer_steps(self, optimizer: Any, run: Callable[[], Any]) -> Any:
        if self.stepping or self.elsewhere():
            return run()
        updater = self.program.updater(optimizer)
        updater.last = Origin.here()
        self.stepping = True
        self.tell("step", updater)
        try:
            result = run()
        finally:
            self.stepping = False
        updater.steps += 1
        self.program.steps += 1
        owned = {id(p) for p in updater.parameters}
        for model in self.program.models.values():
            model.trained = model.trained or any(id(p) in owned for p in model.module.parameters())
        self.tell("stepped", updater)
        updater.passes_then = self.program.passes
        return result

    def scheduler_steps(self, scheduler: Any) -> None:
        if self.elsewhere() or not isinstance(scheduler, SCHEDULES):
            return
        schedule = self.program.schedule(scheduler)
        if not getattr(scheduler, "_is_initial", False):
            self.tell("scheduled", schedule)
            schedule.steps += 1

    def batch(self, iterator: Any, data: Any) -> None:
        if not self.elsewhere():
            self.tell("batch", iterator, data)

    def lent(self, tensor: Any, data: Any) -> None:
        self.lenders[id(data)] = (weakref.ref(data), weakref.ref(tensor))
        if len(self.lenders) > 4096:
            self.lenders = {key: pair for key, pair in self.lenders.items() if pair[0]() is not None}

    def unseen_write(self, tensor: Any, what: str) -> None:
        data, lender = self.lenders.get(id(tensor), (None, None))
        owner = lender() if data is not None and data() is tensor and lender is not None else None
        if owner is not None and isinstance(owner._node, Leaf):
            self.program.written[id(owner)] = owner
        if not self.elsewhere():
            self.tell("unseen_write", tensor, what, owner)

    def registered(self, module: Any, name: str, parameter: Any) -> None:
        """A parameter is put into a module."""
        if parameter is not None:
            self.program.made[id(parameter)] = (parameter, Origin.here())
