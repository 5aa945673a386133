"""The CronJob controller, as pkg/controller/cronjob."""
