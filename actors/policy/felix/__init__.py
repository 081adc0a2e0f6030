"""Felix's external dataplane protocol (spec/policies.md sections 1 and 2)."""
