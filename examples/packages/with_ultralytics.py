"""A YOLO detector's loss and its gradients."""

import torch
from ultralytics.nn.tasks import DetectionModel

torch.manual_seed(0)
m = DetectionModel("yolov8n.yaml", nc=2, verbose=False).train()
y = m(torch.randn(1, 3, 64, 64))
print(type(y), sum(p.numel() for p in m.parameters()))
b = {
    "img": torch.rand(2, 3, 64, 64),
    "batch_idx": torch.tensor([0.0, 1.0]),
    "cls": torch.tensor([[0.0], [1.0]]),
    "bboxes": torch.tensor([[0.5, 0.5, 0.3, 0.3], [0.4, 0.4, 0.5, 0.5]]),
}
from ultralytics.cfg import get_cfg

m.args = get_cfg()
loss, items = m(b)
loss.sum().backward()
print(items)
