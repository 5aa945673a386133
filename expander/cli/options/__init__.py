"""Options that several commands share, the types of their values, and what they mean."""
