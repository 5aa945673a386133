"""Follow and finish a group after submission: status, wait, logs, results, report, retry, cleanup."""
