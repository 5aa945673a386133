"""Which images cannot be had.

Without a container engine an image is a name; what runs is this machine's, or a folder that stands for the
image. Names that say of themselves that there is no such image are taken at their word: the documentation's
pages use them to show what happens when an image cannot be pulled.
"""

from __future__ import annotations

MARKS = ("non-existing", "nonexisting", "non-existent", "nonexistent")


def why_missing(image: str) -> str | None:
    """Why the image cannot be had, in the kubelet's words; None when nothing is against it."""
    if any(part.startswith(MARKS) for part in image.split("/")):
        return f'Back-off pulling image "{image}"'
    return None
