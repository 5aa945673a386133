"""The layouts of a compiled document: JSON, YAML, YAML without literal blocks, identity."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from expander.base.errors import YamlError
from expander.base.yaml import dump, load_documents
from expander.render.commented import commented_text
from expander.render.hole import Hole, Style
from expander.render.layout import Layout, json_layout, json_text, raw_layout, yaml_layout

_HOSTILE = "a: \"b' #c"  # data in a literal block, something else anywhere else


def make_layout(
    tree: dict[str, Any],
    holes: list[Hole],
    prefix: str,
    source_text: str | None,
    name: str,
) -> Layout:
    """The layout called ``name`` of ``tree``, whose holes are tokens that begin with ``prefix``.

    ``json`` is one line; ``yaml`` keeps literal blocks with the slots inside them, ``yaml flat`` writes a
    whole quoted scalar instead; ``identity`` is kind, namespace and name. With ``source_text`` the YAML
    layouts keep the comments of the template.
    """
    whole = f"{prefix}h([0-9]+)(?:s([0-9]+))?z"
    tokens = {hole.token: f"{prefix}h{number}z" for number, hole in enumerate(holes)}
    if name == "json":
        text = json_text(_retoken(tree, tokens))
        return json_layout(text, re.compile(f'"{whole}"'), holes)
    if name == "identity":
        metadata = tree.get("metadata")
        metadata = metadata if isinstance(metadata, dict) else {}
        named = [tree["kind"], metadata.get("namespace") or "", metadata.get("name") or ""]
        text = "\n".join(tokens.get(part, str(part)) for part in named)
        return raw_layout(text, re.compile(whole), holes)
    literals = dict(tokens)
    if name == "yaml":
        for number, hole in enumerate(holes):
            if hole.style is Style.LITERAL:
                pieces = enumerate(hole.segments)
                literals[hole.token] = "".join(
                    p if isinstance(p, str) else f"{prefix}h{number}s{i}z" for i, p in pieces
                )
    wanted = _retoken(tree, literals)
    text = (None if source_text is None else commented_text(source_text, wanted, prefix)) or dump(wanted)
    text = re.sub(f"([\"'])({prefix}h[0-9]+z)\\1", r"\2", text)  # a value brings its own quotes
    if literals != tokens and not _in_blocks(text, wanted, f"{prefix}h[0-9]+s[0-9]+z"):
        return make_layout(tree, holes, prefix, source_text, "yaml flat")
    return yaml_layout(text, re.compile(whole), holes)


def _in_blocks(text: str, wanted: Any, slot: str) -> bool:
    """Whether every slot of the text stands in a literal block, where values are written as they are."""
    hostile = re.sub(slot, lambda _: _HOSTILE, text)
    expected = re.sub(slot, lambda _: json_text(_HOSTILE)[1:-1], json_text(wanted))
    try:
        documents = list(load_documents(hostile, "<template>"))
    except YamlError:
        return False
    return len(documents) == 1 and documents[0].data == json.loads(expected)


def _retoken(tree: Any, tokens: Mapping[str, str]) -> Any:
    if isinstance(tree, dict):
        return {tokens.get(key, key): _retoken(value, tokens) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_retoken(value, tokens) for value in tree]
    return tokens.get(tree, tree) if isinstance(tree, str) else tree
