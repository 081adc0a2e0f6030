"""Who answers, and what silence means."""
