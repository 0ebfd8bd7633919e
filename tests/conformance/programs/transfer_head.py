"""Transfer learning: a trained body is frozen, its head replaced; then all of it is tuned with other rates for each part."""

import torch
from torch import nn, optim

torch.manual_seed(0)
body = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
model = nn.Sequential()
model.add_module("body", body)
model.add_module("fc", nn.Linear(8, 5))
x, y = torch.randn(32, 3, 10, 10), torch.randint(2, (32,))

for param in model.body.parameters():
    param.requires_grad = False
model.fc = nn.Linear(model.fc.in_features, 2)
trainable = [name for name, p in model.named_parameters() if p.requires_grad]
print(trainable, sum(p.numel() for p in model.parameters() if p.requires_grad))
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(filter(lambda p: p.requires_grad, model.parameters()), lr=0.1, momentum=0.9)
scheduler = optim.lr_scheduler.StepLR(optimizer, step_size=3, gamma=0.1)
before = model.body[0].weight.clone()
for epoch in range(6):
    model.train()
    with torch.set_grad_enabled(True):
        outputs = model(x)
        _, preds = torch.max(outputs, 1)
        loss = criterion(outputs, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    scheduler.step()
    print(epoch, loss.item(), torch.sum(preds == y.data).item(), scheduler.get_last_lr())
print(torch.equal(before, model.body[0].weight), model.body[0].weight.grad, model.body[1].running_mean, model.body[1].num_batches_tracked)

for param in model.parameters():
    param.requires_grad_(True)
optimizer = optim.Adam([{"params": model.body.parameters(), "lr": 1e-4}, {"params": model.fc.parameters()}], lr=1e-2)
for _ in range(3):
    loss = criterion(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(loss.item(), [(g["lr"], len(g["params"])) for g in optimizer.param_groups], optimizer)
