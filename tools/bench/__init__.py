"""Measurements, as JSON: how long, how many messages, how much memory. Never asserted, always printed."""
