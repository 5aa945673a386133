"""The live page: a server on this machine, and what it knows of the groups that somebody looks at."""
