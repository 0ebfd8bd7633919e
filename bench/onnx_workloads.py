"""The inference of workloads/ in ONNX Runtime: PyTorch writes the models down, with the same weights, and the graphs are run.

`pip install onnxruntime onnx torch` brings what it needs.
"""

import os
import tempfile
import warnings

import numpy as np
import torch
from workloads import WORKLOADS, inference


def exported(library, model, inputs, names, outputs, dynamic):
    """A function of arrays that runs a module's graph in ONNX Runtime and returns a list of arrays."""
    options = library.SessionOptions()
    options.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS", 0))
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter that needs nothing else is the older one
        path = os.path.join(folder, "model.onnx")
        with torch.no_grad():
            torch.onnx.export(model, inputs, path, input_names=names, output_names=outputs, dynamic_axes=dynamic, dynamo=False)
        session = library.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda *arrays: session.run(None, dict(zip(names, arrays, strict=True)))


def generate(library):
    """The step of the workload of that name."""
    model, caches = inference.decoder(torch)
    before, after = ([f"{when}{i}" for i in range(len(caches))] for when in ("before", "after"))
    dynamic = {name: {3: f"{name}_length"} for name in (*before, *after)}
    example = torch.tensor([[1]]), torch.arange(1), caches
    run = exported(library, model, example, ["token", "position", *before], ["scores", *after], dynamic)
    first = [cache.numpy() for cache in caches]

    def step():
        token, cache = np.array([[1]]), first
        for i in range(8, 72):
            scores, *cache = run(token, np.array([i]), *cache)
            token = scores.argmax(1).reshape(1, 1)
        return float(np.square(scores).mean())

    return step


def build(library, name, compiled=True):
    """A call without arguments that runs workload `name` once and gives the number that stands for its result."""
    if WORKLOADS[name].kind != "inference":
        raise NotImplementedError(f"{name} is training, which ONNX Runtime is not asked for")
    if name == "generate":
        return generate(library)
    make, batch = inference.MODELS[name]
    model, inputs = make(torch, batch)
    run = exported(library, model, inputs, ["x"], ["y"], None)
    arrays = [each.numpy() for each in inputs]
    return lambda: float(np.square(run(*arrays)[0]).mean())
