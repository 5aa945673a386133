"""What every layer may use: errors, source positions, YAML, quantities.

Nothing here knows about items, templates or Kubernetes objects, and nothing here imports
from another layer of expander.
"""
