"""What the files of PyTorch have in common: storages, tensors, state dicts, modules."""
