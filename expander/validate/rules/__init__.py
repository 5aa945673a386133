"""The API server's own rules, one module per group of fields.

A rule is a function over a plain value and the path of its field; it yields a `Finding` for each thing
the server would refuse. Rules run on objects that passed the schema (types and field names are right)
and carry the server's defaults. `field` words the findings, `formats` knows names.
`check_rules` is the way in; the modules named after kinds hold what belongs to one kind.
What belongs elsewhere: types and unknown fields (the schema layer), defaults, reading, printing.
"""

from expander.validate.rules.kinds import check_rules, check_types

__all__ = ["check_rules", "check_types"]
