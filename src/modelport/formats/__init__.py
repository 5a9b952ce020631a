"""One file a format: match, read, write, and the components it can hold."""
