"""Run Jobs of a group again, in their cluster or in the state of local runs."""
