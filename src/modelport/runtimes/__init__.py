"""The only room that may import a framework."""
