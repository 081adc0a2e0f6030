"""The Kubernetes watcher: `python -m actors.kube_watch`."""

from actors.kube_watch.actor import KubeWatch
from actors.runtime.loop import run_actor

if __name__ == "__main__":
    run_actor(KubeWatch, KubeWatch.name, "actors.kube_watch", "Kubernetes API objects become facts on the bus.")
