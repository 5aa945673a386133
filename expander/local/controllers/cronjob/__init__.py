"""cronjob."""
