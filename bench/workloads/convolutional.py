"""Convolutional networks."""

from .parts import classifier, initialise, normal, training
from .registry import workload


@workload()
def lenet(torch):
    """LeNet-5 with ReLU and max pooling on 1x28x28, batch 32, SGD with momentum."""
    nn = torch.nn
    model = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip
    initialise(torch, model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    return classifier(torch, model, optimizer, normal(torch, 1, 32, 1, 28, 28), 10)


def residual_block(torch, inputs, outputs, stride):
    """Two 3x3 convolutions with batch norm beside a shortcut."""
    nn = torch.nn

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
            self.norm1 = nn.BatchNorm2d(outputs)
            self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
            self.norm2 = nn.BatchNorm2d(outputs)
            self.shortcut = nn.Identity()
            if inputs != outputs:
                shrink = nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False)
                self.shortcut = nn.Sequential(shrink, nn.BatchNorm2d(outputs))

        def forward(self, x):
            y = torch.relu(self.norm1(self.conv1(x)))
            return torch.relu(self.norm2(self.conv2(y)) + self.shortcut(x))

    return Block()


@workload(steps=5, small={"batch": 4, "side": 16})
def resnet10(torch, batch=16, side=32):
    """A ResNet-10 of widths 32 to 256 on 3x32x32, batch 16, SGD with momentum and weight decay."""
    nn = torch.nn
    model = nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU(),
        residual_block(torch, 32, 32, 1), residual_block(torch, 32, 64, 2),
        residual_block(torch, 64, 128, 2), residual_block(torch, 128, 256, 2),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(256, 10),
    )  # fmt: skip
    initialise(torch, model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
    return classifier(torch, model, optimizer, normal(torch, 1, batch, 3, side, side), 10)


def separable_block(torch, inputs, outputs, stride):
    """A MobileNetV2 block: wider by a 1x1 convolution, a 3x3 one of each channel by itself, narrower again, and a shortcut."""
    nn = torch.nn
    wide = 4 * inputs

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.shortcut = stride == 1 and inputs == outputs
            self.layers = nn.Sequential(
                nn.Conv2d(inputs, wide, 1, bias=False), nn.BatchNorm2d(wide), nn.ReLU6(),
                nn.Conv2d(wide, wide, 3, stride=stride, padding=1, groups=wide, bias=False), nn.BatchNorm2d(wide), nn.ReLU6(),
                nn.Conv2d(wide, outputs, 1, bias=False), nn.BatchNorm2d(outputs),
            )  # fmt: skip

        def forward(self, x):
            y = self.layers(x)
            return x + y if self.shortcut else y

    return Block()


@workload(steps=5, small={"batch": 4, "side": 32})
def mobilenet(torch, batch=16, side=64):
    """A MobileNetV2 of seven blocks on 3x64x64, batch 16, SGD with momentum."""
    nn = torch.nn
    blocks = ((16, 16, 1), (16, 24, 2), (24, 24, 1), (24, 40, 2), (40, 40, 1), (40, 80, 2), (80, 80, 1))
    model = nn.Sequential(
        nn.Conv2d(3, 16, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU6(),
        *(separable_block(torch, *sizes) for sizes in blocks),
        nn.Conv2d(80, 320, 1, bias=False), nn.BatchNorm2d(320), nn.ReLU6(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(320, 10),
    )  # fmt: skip
    initialise(torch, model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=4e-5)
    return classifier(torch, model, optimizer, normal(torch, 1, batch, 3, side, side), 10)


@workload(steps=5, small={"batch": 1, "side": 16})
def unet(torch, batch=4, side=64):
    """A U-Net of widths 16 to 64 that segments 1x64x64, batch 4, Adam."""
    nn = torch.nn

    def double(inputs, outputs):
        return nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(),
        )  # fmt: skip

    class UNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.down1, self.down2, self.bottom = double(1, 16), double(16, 32), double(32, 64)
            self.pool = nn.MaxPool2d(2)
            self.widen2, self.up2 = nn.ConvTranspose2d(64, 32, 2, stride=2), double(64, 32)
            self.widen1, self.up1 = nn.ConvTranspose2d(32, 16, 2, stride=2), double(32, 16)
            self.head = nn.Conv2d(16, 1, 1)

        def forward(self, x):
            fine = self.down1(x)
            coarse = self.down2(self.pool(fine))
            y = self.bottom(self.pool(coarse))
            y = self.up2(torch.cat([self.widen2(y), coarse], dim=1))
            return self.head(self.up1(torch.cat([self.widen1(y), fine], dim=1)))

    model = initialise(torch, UNet())
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    x = normal(torch, 1, batch, 1, side, side)
    mask = (normal(torch, 2, batch, 1, side, side) > 0).float()
    return training(optimizer, lambda: nn.functional.binary_cross_entropy_with_logits(model(x), mask))
