"""A module trained, validated, stopped early and saved."""

import logging
import warnings

import torch

warnings.simplefilter("ignore")
logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
import pytorch_lightning as pl
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class M(pl.LightningModule):
    def __init__(s, lr=1e-2):
        super().__init__()
        s.save_hyperparameters()
        s.net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))

    def forward(s, x):
        return s.net(x)

    def training_step(s, b, i):
        l = nn.functional.mse_loss(s(b[0]), b[1])
        s.log("train_loss", l)
        return l

    def validation_step(s, b, i):
        s.log("val", nn.functional.mse_loss(s(b[0]), b[1]))

    def configure_optimizers(s):
        o = torch.optim.Adam(s.parameters(), s.hparams.lr)
        return {"optimizer": o, "lr_scheduler": torch.optim.lr_scheduler.StepLR(o, 1)}


pl.seed_everything(0)
x = torch.randn(32, 4)
d = TensorDataset(x, x.sum(1, keepdim=True))
t = pl.Trainer(
    max_epochs=2,
    accelerator="cpu",
    logger=False,
    enable_progress_bar=False,
    enable_model_summary=False,
    default_root_dir="pl",
    callbacks=[pl.callbacks.EarlyStopping("val")],
    gradient_clip_val=1.0,
)
m = M()
t.fit(m, DataLoader(d, 8, shuffle=True), DataLoader(d, 8))
print({k: v.item() for k, v in t.callback_metrics.items()})
print(t.validate(m, DataLoader(d, 8), verbose=False))
t.save_checkpoint("pl.ckpt")
print(M.load_from_checkpoint("pl.ckpt", weights_only=False).hparams.lr)
print(0)
