"""`torch.backends.quantized`: whose rounding quantized tensors and layers have; there is one, that of PyTorch's x86 engine."""

engine = "x86"
supported_engines = ["x86", "fbgemm"]
