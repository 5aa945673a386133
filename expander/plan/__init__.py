"""Preview a submission: counts, bytes, quota fit and time, without sending anything."""
