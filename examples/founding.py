import numpy as np
import torch
import torch.nn as nn

x_train = np.array([[i] for i in range(11)], dtype=np.float32)
y_train = 2 * x_train


class LinearRegressionModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(1, 1, bias=False)

    def forward(self, x):
        out = self.linear(x)
        return out


model = LinearRegressionModel()
criterion = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
inputs = torch.from_numpy(x_train).requires_grad_()
labels = torch.from_numpy(y_train)
outputs = model(inputs)
loss = criterion(outputs, labels)
loss.backward()
optimizer.step()
print("before zero grad : ", model.linear.weight.grad)  # e.g. tensor([[-166.2116]])
optimizer.zero_grad()
print("After zero grad : ", model.linear.weight.grad)  # tensor([[0.]])
for epoch in range(50):
    inputs = torch.from_numpy(x_train).requires_grad_()
    labels = torch.from_numpy(y_train)
    optimizer.zero_grad()
    outputs = model(inputs)
    loss = criterion(outputs, labels)
    loss.backward()
    optimizer.step()
    print(f"epoch {epoch}, loss {loss.item()}")
