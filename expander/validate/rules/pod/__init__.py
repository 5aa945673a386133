"""The API server's rules for pod templates, pod specs and bare Pods (``pkg/apis/core/validation``, 1.36).

One module per group of fields; `pod_spec` is the entrance, `references` carries what rules of one field must
know of another, the release among it: a rule that other releases do not have asks it. Fields whose feature
is off are not there any more (`expander.validate.defaults.disabled_fields`). What belongs elsewhere: rules a
Job adds to its template.
"""
