"""The controllers of what keeps pods running: StatefulSets, Deployments, ReplicaSets and the like."""
