"""Where manifests go: a directory, a stream. The first layer that touches the file system."""
