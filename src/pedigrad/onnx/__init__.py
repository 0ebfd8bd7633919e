"""torch.onnx: not there; what harmless programs ask is answered."""
