"""Talks to a Kubernetes cluster: kubeconfig, credentials, connections, requests, watches, retries."""
