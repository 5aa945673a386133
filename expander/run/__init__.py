"""Run a batch on this machine, simulate CronJobs, serve the local API."""
