"""The checks, one file a family. Importing this declares them all."""

from . import data, gradients, loop, losses, modules, scale, speed, writes

__all__ = ["data", "gradients", "loop", "losses", "modules", "scale", "speed", "writes"]
