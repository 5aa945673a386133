"""Groups on this machine, by their state folders."""
