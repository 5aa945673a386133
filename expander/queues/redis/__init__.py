"""A work queue in Redis: a list that waits, and leases beside it.

The list has the queue's name and holds the bodies, so that ``RPUSH`` fills it and a plain worker may pop
from it. The keys ``NAME:...`` hold what is in somebody's hands. Every step is one script, so nobody sees half
of it, and times are the server's.
"""
