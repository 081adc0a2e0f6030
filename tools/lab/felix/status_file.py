"""The stand-in's status as a JSON file, for tests and `vppd lab status`."""

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

from tools.lab.felix.dataplane_state import DataplaneState


class StatusFile:
    """Counters, and the dataplane's last status of each endpoint.

    {"node", "pid", "driver_pid", "calico_version", "in_sync", "flushes", "sent": {message: count}, "received":
    {message: count}, "workloads": {"<namespace>/<pod>": "up" | "down" | "error"}, "host_endpoints": {name: status},
    "process": {...}, "dataplane_in_sync", "wireguard": {...}, "wanted": {"ip_sets", "policies", "profiles",
    "workloads", "host_endpoints"}, "problems": {object: what is wrong}}
    """

    def __init__(self, path: Path | None, node: str, version: str) -> None:
        self._path = path
        self._status: dict[str, Any] = {"node": node, "pid": os.getpid(), "driver_pid": 0, "calico_version": version}
        self._status |= {"in_sync": False, "flushes": 0, "dataplane_in_sync": False, "process": {}, "wireguard": {}}
        self._status |= {"workloads": {}, "host_endpoints": {}, "wanted": {}, "problems": {}}
        self.sent_counts: Counter[str] = Counter()
        self.received_counts: Counter[str] = Counter()

    def record_driver(self, driver_pid: int) -> None:
        """Notes that the driver runs."""
        self._status["driver_pid"] = driver_pid
        self.save()

    def record_sent(self, kind: str, body: dict[str, Any]) -> None:
        """Counts a message to the driver; the status of a removed endpoint is dropped."""
        self.sent_counts[kind] += 1
        if kind == "workload_endpoint_remove":
            self._status["workloads"].pop(body["id"]["workload_id"], None)
        if kind == "host_endpoint_remove":
            self._status["host_endpoints"].pop(body["id"]["endpoint_id"], None)

    def record_flush(self, state: DataplaneState, in_sync: bool) -> None:
        """Notes that the driver has been sent the whole state."""
        counted = ("ip_sets", "policies", "profiles", "workloads", "host_endpoints")
        self._status["wanted"] = {name: len(getattr(state, name)) for name in counted}
        self._status |= {"problems": state.problems, "in_sync": in_sync, "flushes": self._status["flushes"] + 1}
        self.save()

    def record_received(self, kind: str, body: dict[str, Any]) -> None:
        """Notes a message from the dataplane."""
        self.received_counts[kind] += 1
        status, endpoint_status = self._status, body.get("status", {}).get("status", "")
        match kind:
            case "workload_endpoint_status_update":
                status["workloads"][body["id"].get("workload_id", "")] = endpoint_status
            case "workload_endpoint_status_remove":
                status["workloads"].pop(body["id"].get("workload_id", ""), None)
            case "host_endpoint_status_update":
                status["host_endpoints"][body["id"].get("endpoint_id", "")] = endpoint_status
            case "host_endpoint_status_remove":
                status["host_endpoints"].pop(body["id"].get("endpoint_id", ""), None)
            case "process_status_update":
                status["process"] = body
            case "wireguard_status_update":
                status["wireguard"] = body
            case "dataplane_in_sync":
                status["dataplane_in_sync"] = True
        self.save()

    def save(self) -> None:
        """Writes the file whole."""
        if self._path is None:
            return
        fresh = self._path.with_name(f"{self._path.name}.new")
        fresh.write_text(
            json.dumps({**self._status, "sent": self.sent_counts, "received": self.received_counts}, indent=1)
        )
        fresh.rename(self._path)
