"""Jobs and CronJobs (pkg/apis/batch/validation and the strategies of their registries decide)."""
