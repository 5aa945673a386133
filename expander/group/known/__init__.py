"""What this machine knows beside the objects: groups, the one last used, Jobs that are gone, summaries."""
