"""The admission plugins of the API server: they complete a new object, or refuse it.

`chain.admit` calls them in order. All are functions that read the store and change nothing; what is refused
raises `AdmissionError` in the API's words. Validation and the defaults of the API's own types are in
`validate`, the bookkeeping of quotas in `controllers.resource_quota`.
"""
