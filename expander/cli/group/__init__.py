"""The commands about groups that exist."""
