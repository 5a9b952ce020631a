"""What the code of a TorchScript archive computes, as a native graph of aten operators."""
