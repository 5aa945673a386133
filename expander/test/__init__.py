"""Cases beside a template: items and options in, expected manifests out."""
