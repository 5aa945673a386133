"""The Python calls: options in, results out. `expander` names what is public; a file per call."""
