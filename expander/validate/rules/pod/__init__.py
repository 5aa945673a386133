"""The API server's rules for pod templates, pod specs and bare Pods (``pkg/apis/core/validation``, 1.36).

One module per group of fields; `template` and `spec` are the entrances, `facts` carries what rules of
one field must know of another. Fields whose feature gate is off by default in 1.36 (``clusterTrustBundle``
and ``podCertificate`` sources, ``lifecycle.stopSignal``, ``schedulingGroup``) are dropped by the server
before it looks, so they have no rules. What belongs elsewhere: rules a Job adds to its template.
"""
