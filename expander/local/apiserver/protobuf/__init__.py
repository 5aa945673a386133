r"""Objects in the API's protobuf form, which Go clients prefer.

An object is the four bytes ``k8s\0``, then an ``Unknown`` message that names its kind and holds it
(apimachinery's ``runtime/serializer/protobuf``). `wire` is how numbers are written, `decoder` and
`encoder` go by it and by the fields of `validate.defaults.go_types`.
"""
