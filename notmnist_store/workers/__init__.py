"""Worker processes: fresh interpreters that get a job and answer."""
