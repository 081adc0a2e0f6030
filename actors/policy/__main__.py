"""The policy manager's process: `python -m actors.policy`."""

from actors.policy.actor import PolicyManager
from actors.runtime.loop import run_actor

if __name__ == "__main__":
    run_actor(PolicyManager, "policy", "actors.policy", "What Felix says is enforced by VPP.")
