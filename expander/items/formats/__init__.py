"""One module per item format, loaded when a file of that format is read."""
