"""The checks, one file a family. Importing this declares them all."""

from . import (
    calls,
    containers,
    data,
    gradients,
    linears,
    loop,
    losses,
    modules,
    outputs,
    rows,
    samples,
    scale,
    sequences,
    shapes,
    speed,
    writes,
)

__all__ = [
    "calls",
    "containers",
    "data",
    "gradients",
    "linears",
    "loop",
    "losses",
    "modules",
    "outputs",
    "rows",
    "samples",
    "scale",
    "sequences",
    "shapes",
    "speed",
    "writes",
]
