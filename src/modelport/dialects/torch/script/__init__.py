"""Calls as TorchScript code writes them: operators without overloads, numbers, lists, control."""
