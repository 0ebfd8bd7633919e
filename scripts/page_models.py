"""Models whose pages are looked at: ResNet-18, a GPT of 12 layers, an LSTM written out, chains."""

import random

import pedigrad as torch
import pedigrad.nn.functional as F
from pedigrad import nn


def conv3x3(i, o, stride=1):
    return nn.Conv2d(i, o, 3, stride, 1, bias=False)


class BasicBlock(nn.Module):
    def __init__(self, i, o, stride=1):
        super().__init__()
        self.conv1 = conv3x3(i, o, stride)
        self.bn1 = nn.BatchNorm2d(o)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = conv3x3(o, o)
        self.bn2 = nn.BatchNorm2d(o)
        self.downsample = None
        if stride != 1 or i != o:
            self.downsample = nn.Sequential(nn.Conv2d(i, o, 1, stride, bias=False), nn.BatchNorm2d(o))

    def forward(self, x):
        identity = x
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        if self.downsample is not None:
            identity = self.downsample(x)
        out += identity
        return self.relu(out)


class ResNet18(nn.Module):
    def __init__(self, width=64, classes=10):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        w = width
        self.layer1 = nn.Sequential(BasicBlock(w, w), BasicBlock(w, w))
        self.layer2 = nn.Sequential(BasicBlock(w, 2 * w, 2), BasicBlock(2 * w, 2 * w))
        self.layer3 = nn.Sequential(BasicBlock(2 * w, 4 * w, 2), BasicBlock(4 * w, 4 * w))
        self.layer4 = nn.Sequential(BasicBlock(4 * w, 8 * w, 2), BasicBlock(8 * w, 8 * w))
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(8 * w, classes)

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        x = torch.flatten(self.avgpool(x), 1)
        return self.fc(x)


class Attention(nn.Module):
    def __init__(self, d, heads):
        super().__init__()
        self.qkv = nn.Linear(d, 3 * d)
        self.proj = nn.Linear(d, d)
        self.heads = heads

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = self.qkv(x).split(d, dim=2)
        q, k, v = (y.view(b, t, self.heads, d // self.heads).transpose(1, 2) for y in (q, k, v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.proj(y.transpose(1, 2).reshape(b, t, d))


class MLP(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.fc = nn.Linear(d, 4 * d)
        self.proj = nn.Linear(4 * d, d)

    def forward(self, x):
        return self.proj(F.gelu(self.fc(x)))


class Block(nn.Module):
    def __init__(self, d, heads):
        super().__init__()
        self.ln1 = nn.LayerNorm(d)
        self.attn = Attention(d, heads)
        self.ln2 = nn.LayerNorm(d)
        self.mlp = MLP(d)

    def forward(self, x):
        x = x + self.attn(self.ln1(x))
        return x + self.mlp(self.ln2(x))


class GPT(nn.Module):
    def __init__(self, vocab=100, d=48, heads=4, layers=12, block=32):
        super().__init__()
        self.wte = nn.Embedding(vocab, d)
        self.wpe = nn.Embedding(block, d)
        self.h = nn.ModuleList([Block(d, heads) for _ in range(layers)])
        self.ln_f = nn.LayerNorm(d)
        self.head = nn.Linear(d, vocab, bias=False)

    def forward(self, idx):
        x = self.wte(idx) + self.wpe(torch.arange(idx.shape[1]))
        for block in self.h:
            x = block(x)
        return self.head(self.ln_f(x))


class LSTM(nn.Module):
    def __init__(self, i=8, h=16):
        super().__init__()
        self.x = nn.Linear(i, 4 * h)
        self.hh = nn.Linear(h, 4 * h, bias=False)
        self.out = nn.Linear(h, 1)
        self.h = h

    def forward(self, x):
        h = torch.zeros(x.shape[0], self.h)
        c = torch.zeros(x.shape[0], self.h)
        for t in range(x.shape[1]):
            i, f, g, o = (self.x(x[:, t]) + self.hh(h)).chunk(4, 1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
        return self.out(h)


def resnet_loss(model, n=2, size=64):
    x, y = torch.randn(n, 3, size, size), torch.randint(0, 10, (n,))
    return F.cross_entropy(model(x), y)


def resnet(width=16):
    torch.manual_seed(0)
    model = ResNet18(width)
    return model, resnet_loss(model)


def gpt(**sizes):
    torch.manual_seed(0)
    model = GPT(**sizes)
    idx = torch.randint(0, 100, (2, 32))
    return model, F.cross_entropy(model(idx).view(-1, 100), idx.view(-1))


def lstm(steps=64):
    torch.manual_seed(0)
    model = LSTM()
    return model, model(torch.randn(4, steps, 8)).pow(2).mean()


def chain(n):
    y = torch.ones(3, requires_grad=True)
    for _ in range(n):
        y = y * 1.001
    return y.sum()


def irregular(n):
    """A chain in which nothing is repeated for long."""
    y, choice = torch.ones(3, requires_grad=True), random.Random(0)
    for _ in range(n):
        y = choice.choice((y.tanh, y.exp, y.sin, y.abs, y.cos, y.neg, y.sigmoid))()
        if choice.random() < 0.1:
            y = y + y.sin() * y.cos()
    return y.sum()


def compiled_step():
    """A training step of a GPT of three layers, compiled and run."""
    torch.manual_seed(0)
    model = GPT(layers=3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    idx = torch.randint(0, 100, (2, 32))

    @torch.compile
    def train(idx):
        loss = F.cross_entropy(model(idx).view(-1, 100), idx.view(-1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    for _ in range(4):
        train(idx)
    return train
