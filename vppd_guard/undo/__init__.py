"""Changes of Linux, and the journal of what must be undone."""
