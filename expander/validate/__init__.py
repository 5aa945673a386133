"""Manifest -> findings, offline: JSON Schema first, then the API server's own rules.

Pure functions over plain mappings. Nothing here reads manifests or prints.
"""
