"""What admission decides offline: policies in CEL, Pod Security, limits and quotas of namespaces."""
