"""Item sources and the ways to combine them: arguments, files, ranges, products.

Everything here is a lazy iterator of `Item`; nothing here knows about templates or manifests.
`items(ItemSpec(...))` is the way in for the command line, `from_python(...)` the one for a caller
that has the values already.
"""

from expander.items.item import Item
from expander.items.load import ItemSpec, items
from expander.items.python import from_python
from expander.items.source import Source
from expander.items.source_spec import parse_source

__all__ = ["Item", "ItemSpec", "Source", "from_python", "items", "parse_source"]
