"""supervisord with bounded pauses and logs that may fail."""
