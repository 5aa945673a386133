"""The groups that this machine knows: which one was used last in a folder, and which there are."""
