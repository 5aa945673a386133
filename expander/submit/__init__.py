"""Delivering a batch to a cluster: journal, dispatcher, workers, rate limit, quota gate and active window."""
