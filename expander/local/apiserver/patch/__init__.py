"""How a client changes an object that exists: the four patch formats, and who owns which field.

- `json_patch`, `merge_patch`, `strategic` (with `lists`): the object a patch makes of another; `misfits`:
  the refusal when that is no object of its kind.
- `apply`: server-side apply (with `merging`, `conflicts`, `last_applied`, `problems`). `managers`: field
  ownership after a create, an update or another patch (with `entries`, `written`).
- `shapes`: what merging must know of a field. `fieldsets`: sets of fields, as FieldsV1 writes them.
  `typed`: objects compared, merged, cut and checked by the shapes of their fields.
- `refusals`: why a patch is refused, in the words and codes of the API.

Everything is pure: plain objects in, new objects out, nothing given is changed, and the time is an
argument. Nothing here validates or defaults a result; that comes after, as for any other change.
"""
