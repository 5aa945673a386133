"""Common Expression Language as the API server has it: parsed once, compiled to Python functions."""
