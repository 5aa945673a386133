"""Who asks (authentication), and what they may do (authorization)."""
