"""Kubernetes objects as plain mappings: names, labels, field types.

Knows what Kubernetes wants of a field (its type, what a name may look like); does not know how a
manifest is rendered, checked as a whole or written.
"""
