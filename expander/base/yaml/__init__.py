"""YAML as kubectl reads it, and YAML that kubectl reads back as the same strings.

`reader` makes trees of `nodes`, `scalars` knows what they mean, `documents` cuts streams; `writer`,
which is imported by those who write, writes.
libyaml finds the tokens (through PyYAML; its pure Python parser where the C one is missing); everything that
decides a value is here, because no stock loader agrees with kubectl.
"""

from expander.base.yaml.documents import Chunk, Document, load_documents, read_chunk, split_documents
from expander.base.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode, locate
from expander.base.yaml.reader import compose, stream_sequence
from expander.base.yaml.scalars import construct

__all__ = [
    "Chunk",
    "Document",
    "MappingNode",
    "Node",
    "ScalarNode",
    "SequenceNode",
    "compose",
    "construct",
    "load_documents",
    "locate",
    "read_chunk",
    "split_documents",
    "stream_sequence",
]
