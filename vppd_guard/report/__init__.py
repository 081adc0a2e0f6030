"""What the guard tells people and scripts."""
