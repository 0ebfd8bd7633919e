"""Memory between pages that may not be touched: native code that goes out of bounds crashes instead of giving wrong numbers.

`install("end")` lets every array of NumPy end where such a page begins, `install("begin")` begin where one ends; what lives within
compiled programs likewise. Memory begins as bytes 0xFF, which are nan and -1: reading what was never written shows. The test run does
it when PEDIGRAD_GUARD_PAGES is set to one of the two (`conftest.py`).

NumPy asks an allocator of ours, a few functions in machine code: a header of a page holds what was asked for, then comes what is given.
"""

import ctypes
import functools
import mmap
import sys

import numpy as np

PAGE = mmap.PAGESIZE
LINE = 64  # large arrays begin with a line: kernels may write whole ones past the caches
LARGE = 1 << 20
SUPPORTED = sys.platform == "linux"

IR = """
declare ptr @mmap(ptr, i64, i32, i32, i32, i64)
declare i32 @mprotect(ptr, i64, i32)
declare i32 @munmap(ptr, i64)
declare ptr @memset(ptr, i32, i64)
declare ptr @memcpy(ptr, ptr, i64)

define internal ptr @pages(i64 %asked, i32 %fill) {{
entry:
  %none = icmp eq i64 %asked, 0
  %size = select i1 %none, i64 1, i64 %asked
  %up = add i64 %size, {page_less_one}
  %data = and i64 %up, {page_mask}
  %all = add i64 %data, {around}
  %base = call ptr @mmap(ptr null, i64 %all, i32 3, i32 {flags}, i32 -1, i64 0)
  %failed = icmp eq ptr %base, inttoptr (i64 -1 to ptr)
  br i1 %failed, label %nothing, label %something
nothing:
  ret ptr null
something:
  store i64 %all, ptr %base
  %size_at = getelementptr i64, ptr %base, i64 1
  store i64 %size, ptr %size_at
  {guard}
  %start = getelementptr i8, ptr %base, i64 {start}
  %touched = call ptr @memset(ptr %start, i32 %fill, i64 %data)
  %slack = sub i64 %data, %size
  %at = getelementptr i8, ptr %start, i64 {offset}
  ret ptr %at
}}

define internal ptr @header(ptr %given) {{
  %at = ptrtoint ptr %given to i64
  %page = and i64 %at, {page_mask}
  %base = sub i64 %page, {start}
  %header = inttoptr i64 %base to ptr
  ret ptr %header
}}

define ptr @pg.malloc(ptr %context, i64 %size) {{
  %given = call ptr @pages(i64 %size, i32 255)
  ret ptr %given
}}

define ptr @pg.calloc(ptr %context, i64 %count, i64 %each) {{
  %size = mul i64 %count, %each
  %given = call ptr @pages(i64 %size, i32 0)
  ret ptr %given
}}

define void @pg.free(ptr %context, ptr %given, i64 %size) {{
entry:
  %none = icmp eq ptr %given, null
  br i1 %none, label %done, label %some
some:
  %header = call ptr @header(ptr %given)
  %all = load i64, ptr %header
  %result = call i32 @munmap(ptr %header, i64 %all)
  br label %done
done:
  ret void
}}

define ptr @pg.realloc(ptr %context, ptr %given, i64 %size) {{
entry:
  %new = call ptr @pages(i64 %size, i32 255)
  %none = icmp eq ptr %given, null
  br i1 %none, label %done, label %some
some:
  %header = call ptr @header(ptr %given)
  %size_at = getelementptr i64, ptr %header, i64 1
  %before = load i64, ptr %size_at
  %less = icmp ult i64 %before, %size
  %kept = select i1 %less, i64 %before, i64 %size
  %copied = call ptr @memcpy(ptr %new, ptr %given, i64 %kept)
  call void @pg.free(ptr %context, ptr %given, i64 %before)
  br label %done
done:
  ret ptr %new
}}
"""
END = """%guard = getelementptr i8, ptr %base, i64 %guard_from
  %protected = call i32 @mprotect(ptr %guard, i64 {page}, i32 0)"""


class Allocator(ctypes.Structure):
    """NumPy's PyDataMem_Handler."""

    _fields_ = [("name", ctypes.c_char * 127), ("version", ctypes.c_uint8)]
    _fields_ += [(name, ctypes.c_void_p) for name in ("context", "malloc", "calloc", "realloc", "free")]


def text(mode: str) -> str:
    """The allocator's functions as LLVM IR."""
    end = mode == "end"
    start = PAGE if end else 2 * PAGE
    guard_from = f"%guard_from = add i64 %data, {PAGE}\n  " if end else "%guard_from = add i64 0, " + f"{PAGE}\n  "
    return IR.format(
        page_less_one=PAGE - 1,
        page_mask=-PAGE,
        around=2 * PAGE,
        flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS,
        guard=guard_from + END.format(page=PAGE),
        start=start,
        offset="%slack" if end else "0",
    )


_kept: list = []  # what must live as long as the process, whatever Python lets go at its end


def keep(thing):
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))
    _kept.append(thing)
    return thing


@functools.cache
def allocator(mode: str):
    """What NumPy is given to take the memory of arrays from between guard pages."""
    from llvmlite import binding

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    module = binding.parse_assembly(text(mode))
    module.verify()
    target = binding.Target.from_default_triple().create_target_machine()
    engine = keep(binding.create_mcjit_compiler(module, target))
    engine.finalize_object()
    functions = [engine.get_function_address(f"pg.{name}") for name in ("malloc", "calloc", "realloc", "free")]
    handler = keep(Allocator(b"guard pages", 1, None, *functions))
    new = ctypes.pythonapi.PyCapsule_New
    new.restype, new.argtypes = ctypes.py_object, [ctypes.c_void_p] * 3
    name = keep(ctypes.create_string_buffer(b"mem_handler"))
    return keep(new(ctypes.addressof(handler), ctypes.addressof(name), None))


def take_from(capsule) -> None:
    """Let NumPy take the memory of all arrays from here on from an allocator."""
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    api = ctypes.cast(pointer(np._core._multiarray_umath._ARRAY_API, None), ctypes.POINTER(ctypes.c_void_p))
    ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object)(api[304])(capsule)  # PyDataMem_SetHandler


# What a program keeps to itself


def spaced(mode: str, align: int):
    """The planner of an arena in which every array has pages of its own, and the gaps between these."""
    gaps: list[tuple[int, int]] = []

    def planned(lifetimes):
        gaps.clear()
        offsets, at = [], 0
        for size, _, _ in lifetimes:
            gaps.append((at, PAGE))
            pages = -(-max(size, 1) // PAGE) * PAGE
            start = at + PAGE
            offsets.append(
                start + (pages - max(size, 1)) // (align if size >= LARGE else 1) * (align if size >= LARGE else 1) * (mode == "end")
            )
            at = start + pages
        gaps.append((at, PAGE))
        return offsets, at + PAGE

    return planned, gaps


def block_between(gaps):
    """A function that gives the memory of an arena, with the gaps of the last plan protected."""
    libc = ctypes.CDLL(None, use_errno=True)
    protect = libc.mprotect
    protect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]

    def block(size):
        memory = np.frombuffer(mmap.mmap(-1, -(-size // PAGE) * PAGE), np.uint8)
        memory.fill(255)
        start = memory.__array_interface__["data"][0]
        for at, length in gaps:
            assert protect(start + at, length, 0) == 0
        gaps.clear()
        return memory

    return block


def empty(shape, dtype):
    """`memory.empty` without memory on loan."""
    dtype = np.dtype(dtype)
    size = dtype.itemsize * int(np.prod(shape, dtype=np.int64))
    if size < LARGE:
        return np.empty(shape, dtype)
    return np.empty(-(-size // LINE) * LINE, np.uint8)[:size].view(dtype).reshape(shape)


def install(mode: str) -> None:
    """Guard pages for everything that native kernels read and write."""
    if mode not in ("end", "begin"):
        raise ValueError(f"guard pages can be at the end or begin of arrays, not {mode!r}")
    from pedigrad.codegen.runtime import memory
    from pedigrad.codegen.schedule import placement

    take_from(allocator(mode))
    memory.empty = empty
    assert placement.planned and memory.block, "what is replaced here is what placements and executables call"
    placement.planned, gaps = spaced(mode, LINE)
    memory.block = block_between(gaps)
