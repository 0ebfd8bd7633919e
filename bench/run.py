"""Times training and inference on pedigrad and its peers, a worker process each, in turn and never at once."""

import argparse
import contextlib
import datetime
import gc
import importlib
import json
import math
import multiprocessing
import os
import platform
import sys
import tempfile
import time
import traceback
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from figures import Result, difference, duration, paired, ratio, share
from workloads import WORKLOADS


@dataclass(frozen=True)
class Peer:
    module: str  # what is imported and handed to the workloads as `torch`
    compiled: bool = False  # the whole step goes through the library's compile()
    workloads: str = "workloads"  # the file beside this one whose build(module, name, compiled) makes a step
    fast: bool = False  # steps are compiled without being asked, as `pedigrad run --fast` does it
    checkout: str = ""  # another checkout whose library it is, this one's if empty


PEERS = {
    "pedigrad": Peer("pedigrad"),
    "pedigrad-compile": Peer("pedigrad", compiled=True),
    "pedigrad-fast": Peer("pedigrad", fast=True),
    "torch": Peer("torch"),
    "torch-compile": Peer("torch", compiled=True),
    "jax": Peer("jax", compiled=True, workloads="jax_workloads"),
    "onnxruntime": Peer("onnxruntime", compiled=True, workloads="onnx_workloads"),
}

# What a shell has set for NumPy's BLAS or for XLA would be measured instead of what each library does by itself.
REMOVED = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "XLA_FLAGS", "JAX_COMPILATION_CACHE_DIR")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NPROC")  # the last one is XLA's
CACHES = ("PEDIGRAD_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR")  # empty at the start, so that first steps compile
PATIENCE = 900  # seconds without an answer after which a worker counts as hung


# ---- the worker's side ---------------------------------------------------------------------------------


class Bench:
    """One library in one process: the commands that the parent sends are this class's methods."""

    def __init__(self, peer, threads):
        self.peer = peer
        self.module = importlib.import_module(peer.module)
        if peer.fast:
            importlib.import_module("pedigrad.fast.importing").enable()
            for name in [name for name in sys.modules if name.partition(".")[0] == peer.workloads]:
                del sys.modules[name]
        self.build = importlib.import_module(peer.workloads).build
        self.step = None
        if hasattr(self.module, "set_num_threads"):
            self.module.set_num_threads(threads)

    def version(self):
        return getattr(self.module, "__version__", "?")

    def limits(self, threads):
        """The most FLOPs a second, in a float32 product of ours, and bytes a second, in a copy, that this machine is seen to do."""
        from pedigrad.capture.explain.measured import machine
        from pedigrad.codegen.emit.llvm import vector_bits

        machine.cache_clear()
        seen = machine(threads)
        return {"flops": seen.arithmetic, "bandwidth": seen.bandwidth, "vector_bits": vector_bits()}

    def cost(self, name):
        """The FLOPs of a step, and the bytes that it must at least move, 0 where the workload does not say."""
        workload = importlib.import_module(self.peer.workloads).WORKLOADS[name]
        if workload.flops is not None:
            return workload.flops, workload.nbytes
        from pedigrad.utils.flop_counter import FlopCounterMode

        step = workload.step(self.module)
        with FlopCounterMode(display=False) as counter:
            step()
        return counter.get_total_flops() + workload.unseen, workload.nbytes

    def prepare(self, name, steps):
        """The loss of step `steps`, counted from the initial weights, and the seconds that the first step took."""
        self.step = None
        gc.collect()
        self.step = self.build(self.module, name, self.peer.compiled)
        start = time.perf_counter()
        loss = self.step()
        first = time.perf_counter() - start
        for _ in range(steps - 1):
            loss = self.step()
        return loss, first

    def calibrate(self, seconds):
        """How many steps take about so many seconds."""
        count, per_step = 1, min(self.time(1) for _ in range(3))  # one disturbed step must not decide
        while count * per_step < seconds / 2:
            count = min(count * 10, math.ceil(seconds / per_step))
            per_step = min(per_step, self.time(count))
        return max(1, round(seconds / per_step))

    def time(self, count):
        """Mean seconds of a step over `count` steps, after one that brings caches and threads back."""
        gc.collect()
        step = self.step
        step()
        start = time.perf_counter()
        for _ in range(count):
            step()
        return (time.perf_counter() - start) / count


def serve(connection, peer, threads):
    """Answers the parent's commands with (result, None) or (None, (message, traceback)) until it hangs up."""
    if peer.checkout:
        sys.path.insert(0, os.path.join(peer.checkout, "src"))

    def answer(call):
        try:
            connection.send((call(), None))
        except Exception as error:
            message = f"{type(error).__name__}: {error}".strip().splitlines()[0]
            connection.send((None, (message[:160], traceback.format_exc())))

    bench = None

    def begin():
        nonlocal bench
        bench = Bench(peer, threads)
        return bench.version()

    answer(begin)
    if bench is None:
        return
    with contextlib.suppress(EOFError, KeyboardInterrupt):
        while True:
            command, arguments = connection.recv()
            answer(lambda: getattr(bench, command)(*arguments))  # noqa: B023


# ---- the parent's side ---------------------------------------------------------------------------------


class Failed(Exception):
    """A library could not do what it was asked; the message says why, in one line."""


class Worker:
    """The parent's end of one library's process, started at first need and again after it died."""

    def __init__(self, label, peer, threads, verbose):
        self.label, self.peer, self.threads, self.verbose = label, peer, threads, verbose
        self.process = None

    def start(self):
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs, self.peer, self.threads))
        self.process.start()
        theirs.close()
        self.version = self.receive()

    def ask(self, command, *arguments):
        if self.process is None:
            self.start()
        return self.receive(command, arguments)

    def receive(self, *message):
        try:
            if message:
                self.connection.send(message)
            if not self.connection.poll(PATIENCE):
                self.stop()
                raise Failed(f"TimeoutError: no answer in {PATIENCE} s")
            result, error = self.connection.recv()
        except (EOFError, ConnectionError):
            self.process.join()
            code = self.process.exitcode
            self.stop()
            raise Failed(f"ProcessError: the worker ended with exit code {code}") from None
        if error is None:
            return result
        if self.verbose:
            print(error[1], file=sys.stderr)
        raise Failed(error[0])

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.join()
            self.connection.close()
            self.process = None


def measure(name, steps, workers, rounds, seconds):
    """A list of Results, one a worker, their rounds taken in turn."""
    results = [Result(seconds=[]) for _ in workers]

    def turn(action):
        for worker, result in zip(workers, results, strict=True):
            if result.error is None:
                try:
                    action(worker, result)
                except Failed as failure:
                    result.error = f"error: {failure}"

    def prepare(worker, result):
        result.loss, result.first = worker.ask("prepare", name, steps)
        result.count = worker.ask("calibrate", seconds)

    turn(prepare)
    for _ in range(rounds):
        turn(lambda worker, result: result.seconds.append(worker.ask("time", result.count)))
    return results


# ---- the report ----------------------------------------------------------------------------------------


def cells(name, ours, peer, cost, machine):
    """The cells of one line: name, medians, their ratio, our share of the limit, the ratios' range, first steps, losses, difference."""
    times = [result.error or duration(result.median) for result in (ours, peer)]
    if ours.error or peer.error:
        return [name, *times, "", share(ours, cost, machine), *[""] * 6]
    low, high = paired(ours, peer)
    return [
        name,
        *times,
        ratio(ours, peer),
        share(ours, cost, machine),
        f"{low:.2f}..{high:.2f}",
        duration(ours.first),
        duration(peer.first),
        f"{ours.loss:.6g}",
        f"{peer.loss:.6g}",
        f"{difference(ours, peer):.0e}",
    ]


WIDTHS = (16, 16, 8, 8, 13, 10, 10, 12, 12, 6)


def line(parts, width, widths=WIDTHS):
    """One line of a table, names `width` wide; a width of 0 makes it Markdown."""
    if not width:
        return "| " + " | ".join(parts) + " |"
    # An error message is longer than its column and pushes the rest on.
    return "  ".join([parts[0].ljust(width), *map(str.rjust, parts[1:], widths)]).rstrip()


def titles(parts, width, widths=WIDTHS):
    """The first line of a table; in Markdown, the two first."""
    rule = "" if width else "\n" + line(["---"] + ["---:"] * (len(parts) - 1), width)
    return line(parts, width, widths) + rule


def processor():
    """The processor's name, as far as the operating system tells it."""
    with contextlib.suppress(OSError):
        for entry in Path("/proc/cpuinfo").read_text().splitlines():
            if entry.startswith("model name"):
                return entry.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def busy(seconds=0.25):
    """The share of the processors that other programs take while ours wait, as far as the operating system tells it."""
    looks = []
    for pause in (seconds, 0):
        with contextlib.suppress(OSError, ValueError):
            ticks = [int(each) for each in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
            looks.append((sum(ticks), ticks[3] + ticks[4]))
        time.sleep(pause)
    if len(looks) < 2 or looks[1][0] == looks[0][0]:
        return 0.0
    return 1 - (looks[1][1] - looks[0][1]) / (looks[1][0] - looks[0][0])


def header(workers, machine, threads, width):
    versions = ", ".join(f"{worker.label} {worker.version}" for worker in workers)
    print(f"{processor()}, {threads} threads, Python {platform.python_version()}, {versions}")
    print(f"limits: {machine['flops'] / 1e9:.0f} GFLOP/s, {machine['bandwidth'] / 1e9:.1f} GB/s\n")
    peer = workers[1].label if len(workers) == 2 else "peer"
    columns = ("ratio", "of limit", "range", "our first", "its first", "our loss", "its loss", "diff")
    print(titles(["workload", workers[0].label, peer, *columns], width))


def summary(labels, measured, width):
    """A table of one line a workload: our median, the ratio against each peer, everybody's first step."""
    widths = [max(8, len(label) + 6) for label in (*labels, *labels)]
    ours, *peers = labels
    print("\n" + titles(["workload", ours, *(f"/ {peer}" for peer in peers), *(f"first {each}" for each in labels)], width, widths))
    for name, results in measured.items():
        mine, *others = results
        median = "" if mine.error else duration(mine.median)
        firsts = ["" if math.isnan(result.first) else duration(result.first) for result in results]
        print(line([name, median, *(ratio(mine, other) for other in others), *firsts], width, widths))


def main(description, workloads, known_peers):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("names", nargs="*", help="workloads (default: all): " + ", ".join(workloads))
    parser.add_argument("--ours", default="pedigrad", choices=known_peers, help="the library the ratios are for")
    help_text = f"peers, by commas, of {', '.join(known_peers)}; NAME@FOLDER is that of another checkout"
    parser.add_argument("--against", default="torch", help=help_text)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.3, help="what a round of one library takes")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--markdown", action="store_true", help="print Markdown tables")
    parser.add_argument("--json", metavar="FILE", help="keep what was measured in a file, for scripts/bench_report")
    parser.add_argument("--verbose", action="store_true", help="print the tracebacks of errors")
    args = parser.parse_args()
    peers = [label for label in args.against.split(",") if label]
    known_peers |= {label: elsewhere(known_peers, label) for label in peers if label.partition("@")[0] in known_peers}
    for kind, given, known in (("workload", args.names, workloads), ("peer", peers, known_peers)):
        if unknown := [name for name in given if name not in known]:
            parser.error(f"no {kind} named {', '.join(unknown)}; there are {', '.join(known)}")
    if not peers or args.rounds < 1:
        parser.error("--against needs at least one peer and --rounds at least 1")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as caches:
        prepare_environment(args.threads, caches)
        compare(workloads, known_peers, peers, args)


def elsewhere(known_peers, label):
    """The peer that a label names, in the checkout that it names after an `@`."""
    name, _, checkout = label.partition("@")
    return replace(known_peers[name], checkout=os.path.abspath(checkout) if checkout else "")


def prepare_environment(threads, caches):
    """What the workers inherit; `caches` is an empty folder."""
    for name in REMOVED:
        os.environ.pop(name, None)
    os.environ.update(dict.fromkeys(THREADS, str(threads)))
    os.environ.update({name: os.path.join(caches, name) for name in CACHES})
    os.environ["JAX_PLATFORMS"] = "cpu"
    # A spawned worker gets this process's sys.path, so it finds the checkout without an installation.
    sys.path.insert(1, str(Path(__file__).resolve().parents[1] / "src"))


def record(workers, machine, args):
    """What is kept of a run, without the workloads."""
    return {
        "program": Path(sys.argv[0]).stem,
        "date": datetime.date.today().isoformat(),
        "processor": processor(),
        "threads": args.threads,
        "rounds": args.rounds,
        "python": platform.python_version(),
        "versions": {worker.label: worker.version for worker in workers},
        "machine": machine,
        "busy": 0.0,
        "workloads": {},
    }


def keep(path, run):
    """Write a run to a file, as a whole; a number that is none becomes null."""
    numbers = json.loads(json.dumps(run), parse_constant=lambda text: None)
    Path(path).write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")


def compare(workloads, known_peers, peers, args):
    """Measures the workloads one after the other and prints the tables."""
    workers = [Worker(label, known_peers[label], args.threads, args.verbose) for label in (args.ours, *peers)]
    judge = Worker("limits", known_peers["pedigrad"], args.threads, args.verbose)
    try:
        for worker in (judge, *workers):
            try:
                worker.start()
            except Failed as failure:
                sys.exit(f"{worker.label}: error: {failure}")
        names = args.names or list(workloads)
        shown = {(n, p): n if len(peers) == 1 else f"{n} ({p})" for n in names for p in peers}
        width = 0 if args.markdown else max(map(len, shown.values()))
        machine, loads = judge.ask("limits", args.threads), []
        header(workers, machine, args.threads, width)
        run, measured = record(workers, machine, args), {}
        for name in names:
            try:
                cost = judge.ask("cost", name)
            except Failed as failure:
                cost = 0, 0
                print(f"{name}: its FLOPs are not known: {failure}", file=sys.stderr)
            loads.append(busy())
            measured[name] = measure(name, workloads[name].steps, workers, args.rounds, args.seconds)
            again = judge.ask("limits", args.threads)  # the best of the whole run: other programs disturb a look
            machine |= {key: max(value, again[key]) for key, value in machine.items()}
            ours, *others = measured[name]
            for label, other in zip(peers, others, strict=True):
                print(line(cells(shown[name, label], ours, other, cost, machine), width), flush=True)
            results = {worker.label: asdict(result) for worker, result in zip(workers, measured[name], strict=True)}
            said = {"title": workloads[name].title, "kind": workloads[name].kind, "flops": cost[0], "bytes": cost[1]}
            run["workloads"][name] = said | {"results": results}
            run["busy"] = sum(loads) / len(loads)
            if args.json:
                keep(args.json, run)
        if len(peers) > 1:
            summary([args.ours, *peers], measured, width)
    finally:
        for worker in (judge, *workers):
            worker.stop()


if __name__ == "__main__":
    main(__doc__, WORKLOADS, PEERS)
