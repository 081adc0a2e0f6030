"""A node at one moment, by its bus: processes, epoch, BGP sessions, intents and their statuses. Pure."""

from dataclasses import dataclass, field

from schemas.facts import (
    BgpPeerFact,
    ConfigurationStatusFact,
    PodInterfaceFact,
    PolicyStatusFact,
    ProcessFact,
    ServiceStatusFact,
    VppEpochFact,
    VppProcessFact,
)
from schemas.intents import Intent
from schemas.statuses import AppliedStatus, FailedStatus, IntentStatus, PendingStatus, RejectedStatus

# Those that are on the bus.
PROCESSES = ("bus", "guard", "vpp-writer", "kube-watch", "routing", "cni", "services", "policy")
READY = "ready"


@dataclass
class NodeView:
    """A node's bus at one moment."""

    processes: dict[str, ProcessFact] = field(default_factory=dict)
    epoch: VppEpochFact | None = None
    vpp: VppProcessFact | None = None
    peers: dict[str, BgpPeerFact] = field(default_factory=dict)
    intents: dict[str, Intent] = field(default_factory=dict)
    statuses: dict[str, IntentStatus] = field(default_factory=dict)
    services: dict[str, ServiceStatusFact] = field(default_factory=dict)
    policies: dict[str, PolicyStatusFact] = field(default_factory=dict)
    configuration: dict[str, ConfigurationStatusFact] = field(default_factory=dict)
    pods: dict[str, PodInterfaceFact] = field(default_factory=dict)
    unheard: list[str] = field(default_factory=list)  # streams that have not been heard whole

    def unready(self) -> list[str]:
        """Processes that are not there or not ready, and streams not heard, with their reasons."""
        reasons = [f"{stream}: not heard" for stream in self.unheard]
        for name in PROCESSES:
            process = self.processes.get(name)
            if process is None or not process.alive:
                reasons.append(f"{name}: not on the bus")
            elif (state := self.state_of(name)) != READY:
                reasons.append(f"{name}: {state}")
        return reasons

    def absent(self) -> list[str]:
        """Processes that the bus does not know, or knows as dead."""
        return [name for name in PROCESSES if name not in self.processes or not self.processes[name].alive]

    def state_of(self, name: str) -> str:
        """A process in words: `ready`, or all that is wrong with it."""
        process = self.processes[name]
        if not process.alive:
            return "dead"
        stuck = f"stuck: its loop has not turned for {process.stalled_s:.0f} s" if process.stalled_s else ""
        cut = f"hears nothing: {process.cut_off}" if process.cut_off else ""
        waiting = () if process.ready else process.waiting or ("not ready",)
        return "; ".join(text for text in (stuck, cut, *waiting) if text) or READY

    def vpp_text(self) -> str:
        """The VPP of the node in words: which life of it, or why there is none."""
        if self.epoch and self.epoch.connected:
            return f"epoch {self.epoch.epoch}, pid {self.epoch.pid}, {self.epoch.version}"
        if self.vpp is None or not self.vpp.reason:
            return "none"
        return "; ".join((f"none: {self.vpp.reason}", *self.vpp.last_words))

    def unapplied(self) -> list[str]:
        """Intents that VPP does not hold, with the reason."""
        return [
            f"{key}: {status_text(self.statuses.get(key))}"
            for key in sorted(self.intents)
            if not isinstance(self.statuses.get(key), AppliedStatus)
        ]

    def problems(self) -> list[str]:
        """Services, pods and policies that are not in effect as requested, with the reasons."""
        rows: dict[str, ServiceStatusFact | PodInterfaceFact | PolicyStatusFact] = {
            **{f"service {key}": row for key, row in self.services.items()},
            **{f"pod {key}": row for key, row in self.pods.items()},
            **self.policies,
        }
        return [f"{key}: {'; '.join(row.problems)}" for key, row in sorted(rows.items()) if row.problems]

    def without_effect(self) -> list[str]:
        """Settings of the node's configuration that have no effect, with the reasons."""
        return [f"{key}: {problem}" for key, row in sorted(self.configuration.items()) for problem in row.problems]

    def counter(self, process: str, name: str) -> int:
        """A counter of a process; 0 if it has none."""
        row = self.processes.get(process)
        return row.counters.get(name, 0) if row else 0


def status_text(status: IntentStatus | None) -> str:
    """A status in words."""
    match status:
        case FailedStatus(reason=reason):
            return f"failed: {reason}"
        case RejectedStatus(reason=reason):
            return f"rejected: {reason}"
        case PendingStatus(needs=needs):
            return f"waits for {', '.join(needs)}"
        case None:
            return "no status"
        case _:
            return "applied"
