"""The daemon that waits for work on one machine and starts a supervisor for each task it takes."""
