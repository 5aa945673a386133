"""`expander.plan`, `expander.submit` and `expander.run`: a batch in, what became of it out.

They act when they are called and return when it is over. What they share with the commands of the same names
are the words of their arguments; times are in seconds.
"""
