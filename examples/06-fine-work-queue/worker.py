"""A worker that takes items itself."""

import os

from expander.queues import WorkQueue

with WorkQueue(os.environ["BROKER_URL"], "job2") as queue:
    while not queue.empty():
        lease = queue.lease(timeout=2)
        if lease is not None:
            print(f"Working on {lease.item}, attempt {lease.attempt}")
            queue.complete(lease)
print("Queue empty, exiting")
