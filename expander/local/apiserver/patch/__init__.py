"""Changes to an object that exists: the four patch formats, and who owns which field.

Everything is pure: plain objects in, new objects out, and the time is an argument. Results are neither
validated nor defaulted here.
"""
