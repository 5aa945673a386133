"""From a template or files and their items to validated manifests: load, expand, validate, write."""
