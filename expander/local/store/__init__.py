"""The store of a state folder: objects and events in one SQLite file, as etcd is for a cluster.

What is changed is visible at once and durable after ``commit``: one commit serves all that happened in a
step of the executor's loop.
"""
