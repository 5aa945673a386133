"""What commands print: streams, tables, progress, and the outputs of single commands."""
