"""One template and a list of items become a labelled batch of Kubernetes Jobs."""
