"""The values that an API server puts into fields that a manifest leaves out, as pkg/apis/*/v1/defaults.go."""
