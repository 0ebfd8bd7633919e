"""torch.multiprocessing: processes that hand tensors to each other."""
