"""The logs of containers as files: their last lines, and when lines were written."""
