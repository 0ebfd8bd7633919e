"""Metrics by hand: confusion matrices in three ways, precision, recall, F1, top-k accuracy, ROC and average precision."""

import torch

torch.manual_seed(0)
classes, count = 4, 200
labels = torch.randint(classes, (count,))
logits = torch.randn(count, classes) + 1.5 * torch.nn.functional.one_hot(labels, classes)
predicted = logits.argmax(dim=1)
matrix = torch.zeros(classes, classes, dtype=torch.int64)
for t, p in zip(labels.view(-1), predicted.view(-1), strict=True):
    matrix[t.long(), p.long()] += 1
print(matrix)
counted = torch.bincount(labels * classes + predicted, minlength=classes**2).reshape(classes, classes)
added = torch.zeros(classes, classes, dtype=torch.int64).index_put_((labels, predicted), torch.tensor(1), accumulate=True)
print(torch.equal(matrix, counted), torch.equal(matrix, added))
precision = matrix.diag() / matrix.sum(0).clamp(min=1)
recall = matrix.diagonal() / matrix.sum(1)
print(precision, recall, 2 * precision * recall / (precision + recall))
for k in (1, 2, 3):
    _, top = logits.topk(k, 1, True, True)
    correct = top.t().eq(labels.view(1, -1).expand_as(top.t()))
    print(k, correct[:k].reshape(-1).float().sum(0, keepdim=True).mul_(100.0 / count))
score, positive = torch.softmax(logits, 1)[:, 0], labels == 0
order = torch.argsort(score, descending=True, stable=True)
hits = positive[order].float()
tpr, fpr = hits.cumsum(0) / hits.sum(), (1 - hits).cumsum(0) / (1 - hits).sum()
print(
    "AUC", torch.trapezoid(tpr, fpr).item(), "AP", ((hits.cumsum(0) / torch.arange(1, count + 1)) * hits).sum().item() / hits.sum().item()
)
threshold = torch.quantile(score, torch.tensor([0.25, 0.5, 0.9]))
print(
    threshold, torch.histc(score, bins=5, min=0, max=1), torch.unique(predicted, return_counts=True), torch.nonzero(score > 0.95).flatten()
)
ious = torch.tensor([((predicted == c) & (labels == c)).sum() / ((predicted == c) | (labels == c)).sum() for c in range(classes)])
print(ious, ious.nanmean())
