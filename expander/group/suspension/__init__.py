"""Suspend the Jobs of a group and resume them, in a cluster and on this machine."""
