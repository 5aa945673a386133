"""Work queues in Redis and RabbitMQ: filled from items, worked at least once, never lost.

What speaks to a broker is here, and what runs a command for each item; nothing of clusters or of Jobs. The
clients (``redis``, ``amqp``) come with the extra ``queue`` and are imported when a queue is opened.
"""

from expander.base.errors import BrokerError as BrokerError
from expander.queues.queue import Lease as Lease
from expander.queues.queue import LeaseLost as LeaseLost
from expander.queues.work_queue import WorkQueue as WorkQueue
