"""Pure facts of Kubernetes: kinds, schemas, quantities, selectors, time, cron, resources and quota.

Nothing here reads a file of the user's, a clock or a network; every package above may use it.
"""
