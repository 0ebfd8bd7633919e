"""Eight attributions of a convolutional network."""

import torch
from captum.attr import (
    DeepLift,
    FeatureAblation,
    GradientShap,
    GuidedBackprop,
    IntegratedGradients,
    LayerGradCam,
    Occlusion,
    Saliency,
)

torch.manual_seed(0)
m = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(4 * 16, 3))
x = torch.randn(2, 1, 6, 6)
print(
    IntegratedGradients(m).attribute(x, target=1, n_steps=10).sum(),
    Saliency(m).attribute(x, target=1).sum(),
    DeepLift(m).attribute(x, torch.zeros_like(x), target=0).sum(),
    LayerGradCam(m, m[0]).attribute(x, target=1).shape,
)
print(
    Occlusion(m).attribute(x, sliding_window_shapes=(1, 3, 3), target=0).sum(),
    GuidedBackprop(m).attribute(x, target=0).sum(),
    FeatureAblation(m).attribute(x[:1], target=0).sum(),
    GradientShap(m).attribute(x, torch.zeros(1, 1, 6, 6), target=0).shape,
)
