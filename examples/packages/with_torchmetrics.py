"""Metrics of classes, regressions, images and rankings."""

import torch
import torchmetrics
from torchmetrics import MeanMetric, MeanSquaredError, MetricCollection, PearsonCorrCoef, R2Score, SpearmanCorrCoef
from torchmetrics.classification import BinaryAUROC, MulticlassAccuracy, MulticlassConfusionMatrix, MulticlassF1Score

torch.manual_seed(0)
p = torch.randn(20, 4).softmax(-1)
y = torch.randint(4, (20,))
c = MetricCollection([MulticlassAccuracy(4), MulticlassF1Score(4, average="macro"), MulticlassConfusionMatrix(4)])
c.update(p, y)
print(c.compute())
a = BinaryAUROC()
a.update(torch.rand(30), torch.randint(2, (30,)))
print(a.compute())
m = MeanMetric()
m.update(1.0)
m.update(torch.tensor([2.0, 3.0]))
print(m.compute())
q = MeanSquaredError()
print(
    q(torch.randn(5), torch.randn(5)),
    R2Score()(torch.arange(5.0), torch.arange(5.0) + 0.1),
    PearsonCorrCoef()(torch.arange(5.0), torch.randn(5)),
    SpearmanCorrCoef()(torch.arange(5.0), torch.randn(5)),
)
from torchmetrics.image import PeakSignalNoiseRatio, StructuralSimilarityIndexMeasure

x = torch.rand(1, 1, 32, 32)
print(StructuralSimilarityIndexMeasure(data_range=1.0)(x, (x + 0.1).clamp(0, 1)), PeakSignalNoiseRatio(1.0)(x, (x * 0.9)))
print(torchmetrics.functional.cosine_similarity(torch.randn(3, 4), torch.randn(3, 4), reduction="none"))
from torchmetrics.retrieval import RetrievalMAP

print(RetrievalMAP()(torch.rand(6), torch.tensor([1, 0, 1, 0, 1, 0]), indexes=torch.tensor([0, 0, 0, 1, 1, 1])))
