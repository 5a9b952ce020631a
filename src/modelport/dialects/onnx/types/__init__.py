"""What an operator demands of its inputs, and the types and constants it gives."""
