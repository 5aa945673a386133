"""The public Python API: pure wiring of items, render and sinks with lazy iterators."""
