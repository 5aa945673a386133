"""What a control plane does beside the decisions of the Job controller: gather, decide, act.

`jobs` and `cronjobs` run the decisions of `local.decide` over the store, `garbage` follows owner references
when something is deleted, `scheduling` gives pods a place on this machine, `recorder` writes events as
client-go does, `names` makes names and uids. All take the time as an argument and read and write the store
only; who calls them, and when, is the executor's business.
"""
