"""The observer: hears at the gates what a program does, keeps what is known of it, and tells the checks that listen.

Watching costs time, so it is done less and less closely (`Pace`): single operations are told of in a few steps only, since dispatch
takes its long way then; and after some hundred passes the watcher sleeps through most of them.
"""

from __future__ import annotations

import cmath
import weakref
from collections.abc import Callable, Iterable
from threading import get_ident
from typing import Any

import numpy as np

from ..core import meta, modes, watching
from ..core.graph import Leaf
from ..core.origin import Origin, caller
from ..core.quiet import name_of
from ..core.tensor import Tensor
from .findings import EVENTS, Check
from .program import SCHEDULES, Call, FunctionCall, Pass, Program

FIRST, EVERY = 3, 64  # the passes before which operations are told of: the first few, and then one of so many
BEFORE = 20_000  # operations before the first backward pass after which looking ends
MEASURED = 20  # calls without gradients that are looked at
WHOLE, AWAKE, ROUND = 128, 12, 128  # after so many passes the watcher is awake in so many of a round of so many
OPTIMIZERS = "pedigrad.optim."
_add = np.add.reduce


class Pace:
    """When what is told of: it costs time, so not everything always."""

    def __init__(self) -> None:
        self.operations = 0
        self.measured = 0

    def due(self, passes: int) -> bool:
        """Whether operations before the backward pass of this number are to be told of."""
        return passes < FIRST or (passes % EVERY == 2 and self.awake(passes))

    def awake(self, passes: int) -> bool:
        """Whether anything about this pass and the step after it is to be told of."""
        return passes < WHOLE or passes % ROUND < AWAKE

    def due_in(self, call: Call, program: Program) -> bool:
        """Whether what follows a model's call is to be looked at: also where it may be measured, without a pass between two calls."""
        if call.grad and (self.due(program.passes) or all(other.model is not call.model for other in program.calls)):
            return self.due(program.passes)
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
        self.asleep = False  # steps go by unheard
        self.within = 0  # calls of models that run
        self.running: Pass | None = None
        self.unheard_from: Any = ()
        self.lenders: dict[int, tuple[Any, Any]] = {}  # what `.data` returned, and whose it is, both weakly
        self.listeners: dict[str, list[Any]] = {e: [getattr(c, e) for c in self.checks if e in c.listens()] for e in EVENTS}
        self.by_function: dict[str, list[Any]] = {}
        for listener in self.listeners["function"]:
            for name in listener.__self__.functions:
                self.by_function.setdefault(name, []).append(listener)

    def tell(self, event: str, *what: Any) -> None:
        """Tell the checks that listen."""
        listeners = self.listeners[event]
        if listeners:
            self._tell(listeners, what)

    def _tell(self, listeners: list[Any], what: tuple[Any, ...]) -> None:
        for listener in listeners[:]:
            try:
                listener(*what)
            except Exception as error:  # a fault of ours must not end the user's program; it is reported
                check = listener.__self__
                self.faults.append(f"the check {check.name} failed in {listener.__name__}(): {type(error).__name__}: {error}")
                self.retire(check)

    def retire(self, check: Check) -> None:
        """Tell a check nothing more."""
        for listeners in (*self.listeners.values(), *self.by_function.values()):
            listeners[:] = [listener for listener in listeners if listener.__self__ is not check]

    def look(self, on: bool) -> None:
        """Begin or end to be told of single operations."""
        if on != self.looking:
            self.looking = on
            modes.need_long_way(+1 if on else -1)
            self.tell("look", on)

    def elsewhere(self) -> bool:
        """Whether another thread than the session's runs, or there are tensors without memory, which nobody may look at."""
        return get_ident() != self.thread or bool(meta.alive)

    # The gates

    def operation(self, op: Any, operands: tuple[Any, ...], attributes: tuple[Any, ...], run: Callable[[], Any]) -> Any:
        result = run()
        if self.running is None and not self.elsewhere():
            flat = tuple(operands[0]) if op.variadic else operands
            self.tell("operation", op, flat, result)
            self.pace.operations += 1
            if self.pace.operations > BEFORE and not self.program.passes:
                self.look(False)
        return result

    def function(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], run: Callable[..., Any]) -> Any:
        listeners = self.by_function.get(function.__name__)
        if not listeners or (self.asleep and modes.grad_enabled()) or self.elsewhere():
            return run(*args, **kwargs)
        if self.program.stepping and (frame := caller(1)) is not None and name_of(frame.f_globals).startswith(OPTIMIZERS):
            return run(*args, **kwargs)  # not the user's, as those in a closure are
        call = FunctionCall(function.__name__, args, kwargs)
        try:
            call.result = run(*args, **kwargs)
        except Exception as error:
            call.error = error
            self._tell(listeners, (call,))
            raise
        self._tell(listeners, (call,))
        return call.result

    def module(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any], run: Callable[..., Any]) -> Any:
        if self.within or (self.asleep and modes.grad_enabled()) or self.elsewhere() or not self.program.is_model(module):
            return run(*args, **kwargs)
        call = Call(self.program.model(module), args, kwargs, Origin.here(), modes.grad_enabled())
        self.look(self.pace.due_in(call, self.program))
        self.tell("calling", call)
        self.program.last_call = call
        self.within += 1
        try:
            result = run(*args, **kwargs)
        finally:
            self.within -= 1
        call.end(result)
        self.tell("called", call)
        if call.grad:
            call.model.sample = (args, kwargs)
            self.program.calls.append(call)
            del self.program.calls[:-64]
        call.let_go()
        return result

    def backward(self, tensors: Any, run: Any, go: Callable[[], None]) -> None:
        if self.running is not None or self.elsewhere():
            return go()
        if self.asleep:
            return self.unheard(tensors, run, go)
        self.updates_by_hand()
        outer = self.running = Pass(tensors, self.program.passes, run.accumulate, run.freed is None)
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
            self.sleep()

    def unheard(self, tensors: Any, run: Any, go: Callable[[], None]) -> None:
        """A backward pass in sleep: only whether all is finite is looked at."""
        for tensor in tensors:
            if tensor._array.size == 1 and not cmath.isfinite(tensor._array.item()):
                self.tell("backward", Pass(tensors, self.program.passes, run.accumulate))
        self.unheard_from = tensors
        try:
            go()
        finally:
            self.program.passes += run.accumulate
            self.sleep()

    def sleep(self) -> None:
        """Fall asleep or wake up, as the number of passes says."""
        asleep = not self.pace.awake(self.program.passes)
        if asleep and not self.asleep:
            self.look(False)
            self.tell("fall_asleep")
        self.asleep = asleep

    def updates_by_hand(self) -> None:
        """Find the leaves without an optimizer that were written to since they got their gradients."""
        changed = self.program.changed_by_hand()
        if changed:
            self.program.written.update((id(p), p) for p in changed)
            self.tell("by_hand", changed)

    def gradients(self, node: Any, given: Any, gradients: Any) -> None:
        outer = self.running
        if outer is None and not self.asleep:
            return
        for parent, d in zip(node.parents, gradients):  # noqa: B905  (it costs, and a user's Function may return more)
            if d is None or parent is None:
                continue
            if outer is not None and parent.__class__ is Leaf:
                outer.leaves.add(parent)
            array = d._array if isinstance(d, Tensor) else d
            if not cmath.isfinite(_add(array, None)) and not np.isfinite(array).all():
                self.tell("not_finite", node, given, outer or Pass(self.unheard_from, self.program.passes, True))

    def optimizer_made(self, optimizer: Any) -> None:
        self.program.updater(optimizer)

    def optimizer_steps(self, optimizer: Any, run: Callable[[], Any]) -> Any:
        if self.program.stepping or self.elsewhere():
            return run()
        updater = self.program.updater(optimizer)
        if self.asleep:
            updater.steps += 1
            self.program.steps += 1
            updater.passes_then = self.program.passes
            return run()
        updater.last = Origin.here()
        self.program.stepping = True
        self.tell("step", updater)
        try:
            result = run()
        finally:
            self.program.stepping = False
        updater.steps += 1
        self.program.steps += 1
        for model in self.program.models.values():
            if not model.trained:
                owned = {id(p) for p in updater.parameters}
                model.trained = any(id(p) in owned for p in model.module.parameters())
        self.tell("stepped", updater)
        updater.passes_then = self.program.passes
        return result

    def scheduler_made(self, scheduler: Any) -> None:
        if not self.elsewhere():
            self.program.schedule(scheduler)

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

    def registered(self, parameter: Any) -> None:
        self.program.made[id(parameter)] = (parameter, Origin.here())
