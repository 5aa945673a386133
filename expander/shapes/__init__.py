"""One template and its items in the shape that fits: an Indexed Job, Jobs of several items, a work queue.

Every shape starts from the Jobs that ``--as jobs`` makes, finds what they do not have in common, and says it
in another way, so that each container gets the same command line and the same environment as it would there.
What a shape cannot say is an error. Pure: manifests in, manifests out.
"""
