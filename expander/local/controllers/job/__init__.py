"""The Job controller, as pkg/controller/job: `sync.sync_job` decides, `controller` acts.

`sync_job` is pure: it reads no clock, keeps no state and changes no object it is given; what has to survive
from sync to sync is in the Job's status and in a small mapping, the memory, that the caller stores beside the
Job. The caller does what a `context.Decision` says, in one transaction, before the next sync. Times are Unix
seconds (float), durations seconds; indexes and counts are integers.
"""
