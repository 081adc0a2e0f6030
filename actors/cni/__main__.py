"""The CNI server: `python -m actors.cni`."""

from actors.cni.actor import CniManager
from actors.runtime.loop import run_actor

if __name__ == "__main__":
    run_actor(CniManager, CniManager.name, "actors.cni", "Answers Calico's CNI plugin: pods' interfaces.")
