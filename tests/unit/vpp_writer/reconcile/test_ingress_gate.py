"""In a new VPP interfaces by which packets come in go up last and together; what may never come delays them a while."""

from actors.vpp_writer.reconcile.ingress_gate import GATE_NEED, GATE_UNCERTAIN_S_MAX, GATE_WORK_S_MAX
from actors.vpp_writer.reconcile.objects import ManagedObjects
from actors.vpp_writer.reconcile.retry import WriterPresentTime
from schemas.codec import value_fingerprint
from schemas.intents import AdminUpIntent, Intent, LoopbackIntent, MtuIntent, TableIntent
from schemas.statuses import PendingStatus
from schemas.words import INTENT_OWNERS
from tests.unit.vpp_writer.reconcile.test_planning import Model

UPLINK = LoopbackIntent("uplink/eth0", "02:00:00:00:00:01", "uplink")
TAP = LoopbackIntent("host/eth0", "02:00:00:00:00:02", "tap")
POD, SICK = (LoopbackIntent(f"pod/{name}", "02:00:00:00:00:03", name) for name in ("web", "sick"))
GUARD = [UPLINK, TAP, *(AdminUpIntent(each.name, gated=True) for each in (UPLINK, TAP))]
CNI = [POD, MtuIntent("pod/web", 9000), AdminUpIntent("pod/web", gated=True)]
SAFE_S = GATE_WORK_S_MAX + 1


class NewVpp:
    """A writer's objects and a VPP that has just been met at time 0; all owners have said all unless told else."""

    def __init__(self, *silent: str) -> None:
        self.model = Model()
        self.objects: ManagedObjects = self.model.objects
        self.objects.close_gate(0.0)
        self.objects.claims.whole = {*INTENT_OWNERS} - {*silent}

    def say(self, owner: str, *intents: Intent) -> None:
        self.objects.queue.add(self.objects.claims.replace(owner, {intent.key: intent for intent in intents}))

    def up(self, now: float) -> set[str]:
        """Turns; which interfaces are up then?"""
        self.model.turn(now)
        self.objects.open_gate(now)
        self.model.turn(now)
        return {key.removeprefix("admin-up/") for key in self.objects.held if key.startswith("admin-up/")}


ALL = {"uplink/eth0", "host/eth0", "pod/web"}


def test_nothing_goes_up_while_anything_is_to_be_written() -> None:
    node = NewVpp()
    node.say("guard", *GUARD)
    node.say("cni", *CNI)
    node.objects.plan(0.0)  # they are looked at, and nothing has been written yet
    node.objects.queue.add([POD.key])
    node.objects.open_gate(0.0)
    assert not node.objects.gate.is_open
    node.objects.queue.add(node.objects.claims.effective)
    assert node.up(0.0) == ALL


def test_what_waits_says_so() -> None:
    node = NewVpp()
    node.say("cni", *CNI)
    assert node.up(0.0) == set()
    assert node.objects.statuses.get("cni", CNI[-1].key) == PendingStatus(value_fingerprint(CNI[-1]), (GATE_NEED,))


def test_pods_wait_for_the_uplinks_however_long_the_guard_takes() -> None:
    node = NewVpp()
    node.say("cni", *CNI)
    node.say("guard", UPLINK, TAP)
    assert node.up(SAFE_S) == set()
    node.say("guard", *GUARD)
    assert node.up(SAFE_S) == ALL


def test_uplinks_of_a_guard_that_knows_no_gate_do_not_wait_and_pods_follow() -> None:
    node = NewVpp()
    node.say("guard", UPLINK, AdminUpIntent(UPLINK.name))
    node.say("cni", *CNI)
    assert node.up(0.0) == {"uplink/eth0", "pod/web"}


def test_an_owner_that_says_nothing_is_waited_for_a_while() -> None:
    node = NewVpp("policy")
    node.say("guard", *GUARD)
    node.say("cni", *CNI)
    assert node.up(GATE_UNCERTAIN_S_MAX - 0.1) == set()
    assert node.objects.gate_obstacles(GATE_UNCERTAIN_S_MAX - 0.1) == ["policy has not said its intents"]
    assert node.up(GATE_UNCERTAIN_S_MAX) == ALL


def test_a_pod_that_vpp_refuses_keeps_the_node_off_for_a_while_only() -> None:
    node = NewVpp()
    node.say("guard", *GUARD)
    node.say("cni", *CNI)
    node.model.turn(0.0)
    node.objects.fail(
        SICK.key, node.objects.claims.effective[POD.key], "no such namespace", WriterPresentTime(0.0, 0.0)
    )
    assert node.objects.gate_obstacles(0.0) == ["1 objects that VPP has refused"]
    assert node.objects.gate_obstacles(GATE_UNCERTAIN_S_MAX) == []


def test_work_that_does_not_end_keeps_the_node_off_for_a_while_only() -> None:
    node = NewVpp()
    node.say("guard", *GUARD)
    node.say("cni", *CNI)
    node.model.turn(0.0)
    node.objects.queue.add([TableIntent("many", 4).key])
    assert node.objects.gate_obstacles(GATE_WORK_S_MAX - 0.1) == ["1 objects to be written"]
    assert node.objects.gate_obstacles(GATE_WORK_S_MAX) == []


def test_without_pods_the_host_waits_for_nobody() -> None:
    node = NewVpp("services", "routing", "policy")
    node.say("guard", *GUARD)
    assert node.up(0.0) == {"uplink/eth0", "host/eth0"}


def test_pods_may_be_there_while_their_owner_has_not_spoken() -> None:
    node = NewVpp("cni")
    node.say("guard", *GUARD)
    assert node.up(0.0) == set()
    assert node.up(GATE_UNCERTAIN_S_MAX) == {"uplink/eth0", "host/eth0"}


def test_a_new_pod_goes_up_at_once_in_a_vpp_that_lets_packets_in() -> None:
    node = NewVpp()
    node.say("guard", *GUARD)
    assert node.up(0.0) == {"uplink/eth0", "host/eth0"}
    node.say("cni", *CNI)
    assert node.up(0.0) == ALL


def test_a_restarted_writer_knows_by_what_is_up_whether_packets_are_let_in() -> None:
    node = NewVpp()
    node.say("guard", *GUARD)
    node.say("cni", *CNI)
    node.model.turn(0.0)
    node.objects.close_gate(1.0)
    assert not node.objects.gate.is_open, "it ended in the middle of its replay"
    assert node.up(1.0) == set(), "and what waits is looked at again"
    node.objects.queue.add(node.objects.claims.effective)
    assert node.up(1.0) == ALL
    node.objects.close_gate(2.0)
    assert node.objects.gate.is_open
