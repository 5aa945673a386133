"""Item sources and the ways to combine them: arguments, files, ranges, products.

Everything here is a lazy iterator of `Item`; nothing here knows about templates or manifests.
"""
