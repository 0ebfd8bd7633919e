"""Numbers that a function fetches from tensors only to give them back, as in `return loss.item()`.

A program computes such a number too, and it is fetched when the program has run. What becomes of a number within Python is not seen,
so it is followed through the function's code: from where it was fetched it may only be put into new tuples, lists and dicts, into
variables, and be returned. Whatever else the code does with it, or may do, the function is run as usual.
"""

from __future__ import annotations

import dis
import functools
import inspect
from types import CodeType, FrameType
from typing import Any

METHODS = frozenset(("item", "__float__"))  # of a tensor, which fetch its only element
BUILDERS = {"BUILD_TUPLE": 1, "BUILD_LIST": 1, "BUILD_MAP": 2}  # items that each of so many is made of
FRAMES = frozenset("locals vars dir eval exec globals".split())  # functions that see variables
NOTHING = frozenset("CACHE RESUME NOP PRECALL KW_NAMES EXTENDED_ARG NOT_TAKEN".split())  # these do nothing to the stack
# What takes so many items from the stack and puts so many there, whatever its argument is.
STEPS = {
    "LOAD_CONST": (0, 1), "LOAD_SMALL_INT": (0, 1), "LOAD_DEREF": (0, 1), "LOAD_CLOSURE": (0, 1), "LOAD_NAME": (0, 1),
    "PUSH_NULL": (0, 1), "LOAD_METHOD": (1, 2), "POP_TOP": (1, 0), "BINARY_OP": (2, 1), "BINARY_SUBSCR": (2, 1), "COMPARE_OP": (2, 1),
    "IS_OP": (2, 1), "CONTAINS_OP": (2, 1), "UNARY_NEGATIVE": (1, 1), "UNARY_NOT": (1, 1), "UNARY_INVERT": (1, 1),
    "STORE_ATTR": (2, 0), "STORE_SUBSCR": (3, 0), "STORE_GLOBAL": (1, 0), "STORE_DEREF": (1, 0), "FORMAT_SIMPLE": (1, 1),
    "DELETE_FAST": (0, 0),
}  # fmt: skip


class Count(int):
    """A whole number that was fetched: another object than all that are equal to it."""


def number(code: CodeType | None, recording: CodeType, frame: FrameType, array: Any) -> float | Count | None:
    """The only element of an array as the function with this code asks for it, if all that it does with it is to give it back.

    `recording` is the code that calls the function to record it: what the function itself calls may have its code too.
    """
    caller = frame.f_back
    if code is None or frame.f_code is not code or caller is None or caller.f_code is not recording:
        return None
    if "float" in frame.f_globals or not fetches(code, frame.f_lasti) or not only_goes_out(code, frame.f_lasti):
        return None
    return float(array.item()) if array.dtype.kind == "f" else Count(array.item()) if array.dtype.kind == "i" else None


def plain(thing: Any) -> Any:
    """A result with usual numbers in the place of those that were fetched."""
    if type(thing) is Count:
        return int(thing)
    if type(thing) in (tuple, list):
        items = [plain(item) for item in thing]
        return thing if all(a is b for a, b in zip(items, thing, strict=True)) else type(thing)(items)
    if type(thing) is dict:
        values = {key: plain(value) for key, value in thing.items()}
        return thing if all(values[key] is value for key, value in thing.items()) else values
    return thing


@functools.lru_cache(1 << 10)
def fetches(code: CodeType, at: int) -> bool:
    """Whether the instruction at `at` is a call of `x.item()` or `float(x)`.

    What others call, such as `sorted(map(float, xs))`, may look at a number before the function has it.
    """
    before = [step for step in dis.get_instructions(code) if step.offset <= at]
    if not before or before[-1].opname != "CALL":
        return False
    count = before.pop().arg
    while before and before[-1].opname in NOTHING:
        if before.pop().opname == "KW_NAMES":
            return False
    if count == 0:
        return bool(before) and before[-1].opname in ("LOAD_METHOD", "LOAD_ATTR") and before[-1].argval in METHODS
    height = 2  # of what lies on what is called, and that itself
    for step in reversed(before if count == 1 else ()):
        if step.opcode in dis.hasjrel or step.opcode in dis.hasjabs:
            return False
        height -= dis.stack_effect(step.opcode, step.arg)
        if height <= 0:
            return step.opname == "LOAD_GLOBAL" and step.argval == "float"
        if step.is_jump_target:
            return False
    return False


@functools.lru_cache(1 << 10)
def only_goes_out(code: CodeType, at: int) -> bool:
    """Whether what the call at `at` gives can only be returned: follows the stack, on which True marks it, and what it was put into."""
    following = [step for step in dis.get_instructions(code) if step.offset > at]
    if code.co_flags & inspect.CO_GENERATOR or any(step.argval in FRAMES for step in following if step.opname == "LOAD_GLOBAL"):
        return False
    stack: list[bool] = [True]
    held: set[str] = set()  # the variables that hold it
    for step in following:
        name, count = step.opname, step.arg or 0
        if name in NOTHING:
            continue
        if name in ("RETURN_VALUE", "RETURN_CONST"):
            return name == "RETURN_VALUE" and stack[-1:] == [True]
        if not moved(stack, held, name, count, step.argval) or (held and code.co_exceptiontable):  # what handles errors may look at it
            return False
    return False


def moved(stack: list[bool], held: set[str], name: str, count: int, what: Any) -> bool:
    """Do to the stack what an instruction does; False if it may use the number, or is not known."""
    if name in BUILDERS:
        items = taken(stack, count * BUILDERS[name])
        if name == "BUILD_MAP" and any(items[::2]):  # as a key
            return False
        stack.append(any(items))
        return True
    if name == "BUILD_CONST_KEY_MAP":
        stack.append(any(taken(stack, count + 1)))
        return True
    if name in ("SWAP", "COPY"):
        stack[:0] = [False] * (count - len(stack))
        if name == "COPY":
            stack.append(stack[-count])
        else:
            stack[-1], stack[-count] = stack[-count], stack[-1]
        return True
    if name.startswith(("STORE_FAST", "LOAD_FAST")):
        return moved_variables(stack, held, name, what)
    if name in ("LOAD_GLOBAL", "LOAD_ATTR", "CALL", "CALL_KW"):
        takes = {"LOAD_GLOBAL": 0, "LOAD_ATTR": 1}.get(name, count + 2 + (name == "CALL_KW"))
        gives = 1 if name.startswith("CALL") else takes + dis.stack_effect(dis.opmap[name], count)
    elif name in STEPS:
        takes, gives = STEPS[name]
    else:
        return False
    if any(taken(stack, takes)) and name != "POP_TOP":
        return False
    stack += [False] * gives
    return True


def moved_variables(stack: list[bool], held: set[str], name: str, what: Any) -> bool:
    """The same of instructions on variables; some do two steps at once."""
    names = what if isinstance(what, tuple) else (what,)
    parts = [part for part in name.replace("STORE_FAST", "store").replace("LOAD_FAST", "load").split("_") if part in ("store", "load")]
    if len(parts) != len(names):
        return False
    for part, variable in zip(parts, names, strict=True):
        if part == "load":
            stack.append(variable in held)
        elif taken(stack, 1)[0]:
            held.add(variable)
        else:
            held.discard(variable)
    return True


def taken(stack: list[bool], count: int) -> list[bool]:
    """The uppermost items, removed; below what is known there is nothing of the number's."""
    items = [False] * (count - len(stack)) + stack[max(0, len(stack) - count) :] if count else []
    del stack[max(0, len(stack) - count) :]
    return items
