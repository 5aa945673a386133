"""Item sources and the ways to combine them: arguments, files, ranges, products.

Everything here is a lazy iterator of `Item`; nothing here knows about templates or manifests.
`load.items(ItemSpec(...))` is the way in for the command line, `python.from_python(...)` the one for a caller
that has the values already.
"""
