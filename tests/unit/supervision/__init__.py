"""supervisord's pauses."""
