"""What ``--dry-run`` prints: the first names, and how many of what there would be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from expander.pipeline.expand import Expansion
    from expander.pipeline.write import Targets


def preview(expansion: Expansion, targets: Targets, show: int) -> None:
    """Go through the whole batch and print the first ``show`` names and the counts, on standard output."""
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
                click.echo(f"{manifest.kind.lower()}/{manifest.name}{where}{place}")
            size += len(manifest.json())
    total = sum(counts.values())
    if total > shown:
        click.echo(f"... and {total - shown:,} more")
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(counts.items()))
    failed = f", {expansion.failed:,} failed" if expansion.failed else ""
    click.echo(f"{total:,} manifests ({kinds or 'none'}; {size:,} bytes as JSON){failed}; nothing written")
