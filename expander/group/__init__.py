"""A group after it was sent: seen, waited for, read, retried, cleaned up; on a cluster or in local state."""
