"""The controllers: each reads the store, decides and acts, as in kube-controller-manager.

All take the time as an argument and read and write the store only; who calls them, and when, is
`workqueue`'s and `control_plane`'s business. `pods.PodControl` is every step of a pod.
"""
