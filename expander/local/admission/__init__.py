"""What a cluster adds to an object that comes in, and what it refuses for the sake of all.

`chain.admit` is the entry: the namespace must be there (`namespaces`), a pod gets what a cluster gives every
pod (`pods`, `tokens`) and the defaults of LimitRanges (`limits`), and nothing may go past a ResourceQuota
(`quota`, with `usage`: what an object counts for). Everything refused is a `refused.Refused` in the API's
words.

Functions that read the store and change nothing. Validation and the defaults of the API's own types are not
here (`validate`), nor is the bookkeeping of what is used (`controllers.quotas`).
"""
