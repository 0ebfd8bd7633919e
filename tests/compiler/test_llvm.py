"""From IR to functions: what is loaded runs, errors are errors, and forking while LLVM is at work hurts nobody."""

import os
import pathlib
import subprocess
import sys
import threading

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from pedigrad.codegen.emit import llvm
from pedigrad.codegen.runtime import cache

ADD = """
define void @add(ptr %x, i64 %n) {
  %old = load i64, ptr %x
  %new = add i64 %old, %n
  store i64 %new, ptr %x
  ret void
}
"""


def test_a_function_is_loaded_and_runs():
    x = np.array([5])
    llvm.function(llvm.load(ADD, ["add"])["add"], 1, 1)(x.ctypes.data, 37)
    assert x[0] == 42


def test_wrong_text_is_refused_and_does_no_harm():
    for text in ("define void @wrong( {", "define void @wrong() {\n  ret i64 1\n}"):
        with pytest.raises(RuntimeError):
            llvm.load(text, ["wrong"])
    assert llvm.load(ADD, ["add"])["add"]


def test_what_decides_the_code_is_in_its_key():
    key = llvm.key_of(ADD, True)
    assert ADD in key and llvm.host()[0] in key and key != llvm.key_of(ADD, False) != llvm.key_of(ADD + "\n", False)


def test_a_text_is_compiled_once(monkeypatch, tmp_path):
    monkeypatch.setenv("PEDIGRAD_CACHE", "1")  # whatever the run has
    monkeypatch.setenv("PEDIGRAD_CACHE_DIR", str(tmp_path))
    monkeypatch.delenv("PEDIGRAD_CACHE_SIZE", raising=False)
    text, before = ADD.replace("@add", "@once"), cache.counts()
    assert llvm.load(text, ["once"])["once"] != llvm.load(text, ["once"])["once"]  # two modules of one code
    after = cache.counts()
    assert (after["misses"] - before["misses"], after["hits"] - before["hits"]) == (1, 1)


def test_many_threads():
    results = {}

    def work(i):
        x = np.array([0])
        name = f"add{i % 5}"
        llvm.function(llvm.load(ADD.replace("@add", "@" + name), [name])[name], 1, 1)(x.ctypes.data, i)
        results[i] = x[0]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(20)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert results == {i: i for i in range(20)}


FORKS = """
import os, threading
import numpy as np
import pedigrad as torch
from pedigrad.codegen.emit import llvm

ADD = '''{text}'''
end = threading.Event()
rounds = [0]


def busy():  # always compiling
    while not end.is_set():
        name = f"busy{{rounds[0]}}"
        llvm.load(ADD.replace("@add", "@" + name), [name])
        rounds[0] += 1


thread = threading.Thread(target=busy)
thread.start()
children = []
for i in range(6):
    while rounds[0] < i:
        pass
    pid = os.fork()
    if pid == 0:
        x = np.array([0])
        llvm.function(llvm.load(ADD.replace("@add", f"@child{{i}}"), [f"child{{i}}"])[f"child{{i}}"], 1, 1)(x.ctypes.data, 42)
        y = torch.log(torch.full((301, 302), 2.0)).numpy()
        os._exit(not (x[0] == 42 and abs(y - np.log(2)).max() < 1e-6))
    children.append(os.waitpid(pid, 0)[1])
end.set()
thread.join()
print(children)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_forks_while_another_thread_compiles(tmp_path):
    source = str(pathlib.Path(llvm.__file__).parents[3])
    environment = {**os.environ, "PYTHONPATH": source, "PEDIGRAD_CACHE_DIR": str(tmp_path), "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-c", FORKS.format(text=ADD)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[0, 0, 0, 0, 0, 0]", done.stderr
