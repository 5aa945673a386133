"""A work queue in RabbitMQ: a durable queue, and counts in queues beside it.

The queue is what ``amqp-declare-queue -d`` makes and the bodies are plain, so that ``amqp-publish`` and
``amqp-consume`` work on it too. AMQP says only how many messages wait, so the queues ``NAME.done``,
``NAME.failed`` and others hold a message for each thing that is counted, written in the same transaction as
what it tells of.
"""
