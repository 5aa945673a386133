"""Volcano's Job controller, as pkg/controllers/job of Volcano.

`pods` sorts the pods of a Job by task and makes new ones, `policies` finds what has happened to them and
which action the lifecycle policies ask for, `sync` goes from phase to phase, `plugins` are what pods need
beside them. All are pure functions; `controller` acts.
"""
