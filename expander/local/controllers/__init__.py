"""What a control plane does beside the decisions of the Job controller: gather, decide, act.

`jobs` and `cronjobs` run the decisions of `local.decide` over the store; `pods` is every step of a pod,
`creation` makes those of Jobs, `scheduling` and `placement` give them a place on this machine. `garbage`
follows owner references when something is deleted. `tenancy` is what a shared cluster has besides:
`quotas`, `namespaces` and `nodes`. `recorder` writes events as client-go does, `names` makes names and uids,
`services` keeps the Services at hand.

All take the time as an argument and read and write the store only; who calls them, and when, is the
executor's business.
"""
