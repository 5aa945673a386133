"""Item x template -> manifest.

A template is compiled once into constant text and placeholders; each placeholder knows its field, so quoting,
naming and types are decided per value. Pure: templates come in as text.
"""
