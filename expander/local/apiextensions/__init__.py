"""CustomResourceDefinitions and the resources they define, as apiextensions-apiserver serves them.

Rows for the table of kinds are made of definitions (`kinds`) while they are accepted (`controller`); what
clients write is decoded, completed and checked by their schema (`strategy`).
"""
