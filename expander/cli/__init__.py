"""The command line: flags, one call into the pipeline, an exit code. One file per command."""

import gc

from expander.base.regex import lazy_patterns

COLLECT_AFTER = 100_000
"""The threshold of the garbage collector: a batch makes many objects and hardly any cycles.

It holds from here on, since loading click and the rest makes many too.
"""

gc.set_threshold(COLLECT_AFTER)

with lazy_patterns():  # click asks for it, by way of uuid, and nobody for what its patterns find
    import platform  # noqa: F401
