"""What ``--dry-run`` prints: the first names, and how many of what there would be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from expander.cli.messages import Output

if TYPE_CHECKING:
    from expander.batch.expand import Expansion
    from expander.batch.write import Targets


def preview(expansion: Expansion, targets: Targets, show: int) -> None:
    """Go through the whole batch and print the first ``show`` names and the counts, on standard output."""
    out = Output()
    shown = 0
    counts: dict[str, int] = {}
    size = 0
    for manifests in expansion:
        files = targets.names.of(manifests) if targets.directory else None
        for number, manifest in enumerate(manifests):
            counts[manifest.kind] = counts.get(manifest.kind, 0) + 1
            if shown < show:
                shown += 1
                place = f"  -> {targets.directory}/{files[number]}" if files else ""
                where = f" -n {manifest.namespace}" if manifest.namespace else ""
                out.put(f"{manifest.kind.lower()}/{manifest.name}{where}{place}\n")
            size += len(manifest.json())
    total = sum(counts.values())
    if total > shown:
        out.put(f"... and {total - shown:,} more\n")
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(counts.items()))
    failed = f", {expansion.failed:,} failed" if expansion.failed else ""
    out.put(f"{total:,} manifests ({kinds or 'none'}; {size:,} bytes as JSON){failed}; nothing written\n")
    out.finish()
