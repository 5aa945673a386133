"""Item x template -> manifest.

A template is compiled once into constant text and holes; each hole knows its field, so quoting,
naming and types are decided per value. Pure: templates come in as text.
"""
