"""Images as files of this machine: archives, what they unpack to, and where that is kept.

`source` and `archive` read OCI layouts and archives of `docker save`, `layers` and `unpack` make a folder of
their layers, `store` keeps it by digest, and `images` finds the folder of a name.
"""
