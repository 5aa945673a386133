"""Differences between two batches, by item and field."""
