"""A SummaryWriter where one is installed; where none is, the program says so on both sides."""

import pathlib
import tempfile

import torch

try:
    from torch.utils.tensorboard import SummaryWriter
except ImportError:
    print("no writer")
else:
    with tempfile.TemporaryDirectory() as folder:
        writer = SummaryWriter(folder)
        for step in range(3):
            writer.add_scalar("loss/train", 1 / (step + 1), step)
        writer.add_histogram("weights", torch.randn(100), 0)
        writer.add_hparams({"lr": 0.1}, {"accuracy": 0.9})
        writer.add_text("note", "hello")
        writer.close()
        print(any("tfevents" in p.name for p in pathlib.Path(folder).rglob("*")))
