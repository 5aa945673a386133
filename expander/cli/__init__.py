"""The command line: flags, one call into the pipeline, an exit code. One file per command."""
