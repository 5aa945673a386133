"""Groups in a cluster."""
