"""Running a batch on this machine, simulating CronJobs, and serving the local API."""
