"""Volcano Jobs (batch.volcano.sh/v1alpha1), as Volcano's webhook checks them.

pkg/webhooks/admission/jobs/validate of Volcano decides, after the schema of its CustomResourceDefinition. The
webhook answers with one text for all it finds; here each finding has the path of its field and the webhook's
words. What depends on objects of the cluster (whether the queue is there and open) is not known here.
"""
