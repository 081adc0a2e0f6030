"""The action of each state of `life.py`, one file for each state, and what the actions share."""
