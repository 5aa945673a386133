"""What the Job and CronJob controllers would do next, as pure functions (Kubernetes v1.36 decides).

The record is `job.decide`: one turn of the controller for one Job. It reads no clock, keeps no state and
changes no object it is given; what has to survive from turn to turn is in the Job's status and in a small
mapping, the memory, that the caller stores beside the Job.

One module per rule, named for the rule: `gather` (which pods matter), `counting` (what their ends add up
to), `indexes`, `backoff`, `failure_policy`, `success_policy`, `verdict` (why a Job ends), `scaling`
(how many pods there should be), `podmaker`, `conditions`, `settling` (when to look again), `ttl`. Times
are Unix seconds (float), durations seconds; indexes and counts are plain integers.

The CronJob controller has an record of its own, `cronjob.decide`: one look at one CronJob. Its rules are in
`cron_times` (which scheduled time is due), `history` (which finished Jobs go) and `jobmaker`.

What belongs elsewhere: names and uids of new pods, deleting and storing objects, owner references of Jobs
that are gone. The caller does what a `decision.Decision` says, in one transaction, before it asks again.
"""
