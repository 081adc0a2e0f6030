"""What the stand-in knows and was told, in a file for whoever looks: tests, `vppd lab status`."""

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

from tools.lab.felix.calc import Wanted


class Account:
    """Counters and the last word of the dataplane on each endpoint, kept in a JSON file.

    {"node", "pid", "driver_pid", "calico_version", "in_sync", "flushes", "sent": {message: count}, "received":
    {message: count}, "workloads": {"<namespace>/<pod>": "up" | "down" | "error"}, "host_endpoints": {name: status},
    "process": {...}, "dataplane_in_sync", "wireguard": {...}, "wanted": {"ip_sets", "policies", "profiles",
    "workloads", "host_endpoints"}, "problems": {object: what is wrong}}
    """

    def __init__(self, path: Path | None, node: str, version: str) -> None:
        self._path = path
        self._told: dict[str, Any] = {"node": node, "pid": os.getpid(), "driver_pid": 0, "calico_version": version}
        self._told |= {"in_sync": False, "flushes": 0, "dataplane_in_sync": False, "process": {}, "wireguard": {}}
        self._told |= {"workloads": {}, "host_endpoints": {}, "wanted": {}, "problems": {}}
        self.sent: Counter[str] = Counter()
        self.received: Counter[str] = Counter()

    def started(self, driver_pid: int) -> None:
        """The driver runs."""
        self._told["driver_pid"] = driver_pid
        self.save()

    def tells(self, kind: str, body: dict[str, Any]) -> None:
        """A message goes to the driver. What was said of an endpoint that is removed is no longer so."""
        self.sent[kind] += 1
        if kind == "workload_endpoint_remove":
            self._told["workloads"].pop(body["id"]["workload_id"], None)
        if kind == "host_endpoint_remove":
            self._told["host_endpoints"].pop(body["id"]["endpoint_id"], None)

    def flushed(self, wanted: Wanted, in_sync: bool) -> None:
        """Everything that is wanted has been written to the driver."""
        counted = ("ip_sets", "policies", "profiles", "workloads", "host_endpoints")
        self._told["wanted"] = {name: len(getattr(wanted, name)) for name in counted}
        self._told |= {"problems": wanted.problems, "in_sync": in_sync, "flushes": self._told["flushes"] + 1}
        self.save()

    def heard(self, kind: str, body: dict[str, Any]) -> None:
        """The dataplane said something."""
        self.received[kind] += 1
        told, status = self._told, body.get("status", {}).get("status", "")
        match kind:
            case "workload_endpoint_status_update":
                told["workloads"][body["id"].get("workload_id", "")] = status
            case "workload_endpoint_status_remove":
                told["workloads"].pop(body["id"].get("workload_id", ""), None)
            case "host_endpoint_status_update":
                told["host_endpoints"][body["id"].get("endpoint_id", "")] = status
            case "host_endpoint_status_remove":
                told["host_endpoints"].pop(body["id"].get("endpoint_id", ""), None)
            case "process_status_update":
                told["process"] = body
            case "wireguard_status_update":
                told["wireguard"] = body
            case "dataplane_in_sync":
                told["dataplane_in_sync"] = True
        self.save()

    def save(self) -> None:
        """Writes the file whole."""
        if self._path is None:
            return
        fresh = self._path.with_name(f"{self._path.name}.new")
        fresh.write_text(json.dumps({**self._told, "sent": self.sent, "received": self.received}, indent=1))
        fresh.rename(self._path)
