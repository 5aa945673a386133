"""What a batch would be in a cluster, without sending it.

`needs` says what one manifest asks for, `classes` finds manifests that ask for the same, `fit` holds them
against quotas and limit ranges, `limits` knows what clusters are tested with, `rate` how long sending takes.
`survey` goes through a batch once, in constant memory, and gives a `plan`.
"""
