r"""Objects in the API's protobuf form, which Go clients prefer.

An object is the four bytes ``k8s\0``, then an ``Unknown`` message that names its kind and holds it
(apimachinery's ``runtime/serializer/protobuf``). `messages` knows the fields, `wire` how numbers are written,
`decoder` and `encoder` go by both.
"""
