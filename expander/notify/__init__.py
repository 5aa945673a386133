"""Notifications of a command that waits for Jobs: what they say, and how they are delivered."""
