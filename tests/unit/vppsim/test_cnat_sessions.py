"""How long sessions live, what ends them, and that decisions live as long as they do."""

import pytest

from tests.unit.vppsim.bench import packed, udp
from tests.unit.vppsim.cnat_world import ACK, FIN, RST, SYN, SYN_ACK, World, echo, ends, tcp_segment
from tools.vppsim.packets.flow import Flow
from tools.vppsim.packets.headers import ICMP, TCP, UDP

REQUEST = ("10.0.0.9", "10.96.0.10", (1000, 80))
ANSWER = ("10.0.1.9", "10.0.0.9", (8080, 1000))


def served(cnat: str = "") -> World:
    world = World(cnat)
    world.serve("10.96.0.10", 80, ("10.0.1.9", 8080))
    world.carry(0, tcp_segment(*REQUEST))
    return world


def test_an_idle_session_ends_after_thirty_seconds() -> None:
    world = served()
    world.later(30)
    assert len(world.cnat.sessions) == 2
    world.later(1)
    assert len(world.cnat.sessions) == 0


@pytest.mark.parametrize(
    ("flags", "age"), [(ACK, 30), (SYN_ACK, 3600), (FIN, 5), (RST, 5)], ids=["data", "established", "fin", "rst"]
)
def test_translated_tcp_lives_by_its_flags(flags: int, age: int) -> None:
    world = served()
    world.carry(1, tcp_segment(*ANSWER, flags=flags))
    world.later(age)
    assert len(world.cnat.sessions) == 2
    world.later(1)
    assert len(world.cnat.sessions) == 0


def test_untranslated_tcp_lives_thirty_seconds_even_when_established_as_in_vpp() -> None:
    world = World()
    world.carry(0, tcp_segment("10.0.0.9", "10.0.1.9", (1000, 80), SYN))
    world.carry(1, tcp_segment("10.0.1.9", "10.0.0.9", (80, 1000), SYN_ACK))
    world.later(31)
    assert len(world.cnat.sessions) == 0


def test_ages_come_from_the_configuration() -> None:
    world = served("session-max-age 3 tcp-max-age 9")
    world.later(4)
    assert len(world.cnat.sessions) == 0


def test_without_the_scanner_nothing_ends() -> None:
    world = served("scanner off")
    world.later(5000)
    assert len(world.cnat.sessions) == 2


def test_flows_above_the_limit_pass_untranslated() -> None:
    world = World("session-max 4 session-log2-pool-size 2")
    world.serve("99.0.0.7", 53, ("10.0.1.9", 53), protocol=UDP)
    out = [[*world.carry(0, udp("10.0.0.9", "99.0.0.7", ports=(1000 + n, 53)))] for n in range(5)]
    assert out == [[1], [1], [1], [2], [2]]


def test_an_update_keeps_sessions_of_kept_backends_and_ends_the_others() -> None:
    world = World()
    world.serve("10.96.0.10", 80, ("10.0.1.9", 8080), ("10.0.2.9", 8080))

    def all_flows(flags: int) -> dict[int, str]:
        packets = {n: world.carry(0, tcp_segment("10.0.0.9", "10.96.0.10", (n, 80), flags)) for n in range(1000, 1012)}
        return {n: ends(packet)[2] for n, out in packets.items() for (packet,) in out.values()}

    before = all_flows(SYN)
    assert set(before.values()) == {"10.0.1.9", "10.0.2.9"}
    world.serve("10.96.0.10", 80, ("10.0.3.9", 8080), ("10.0.1.9", 8080), lb_type=1)
    assert all_flows(ACK) == before
    world.later(1)
    client_ports = {
        int.from_bytes(five.source_port) for (five, _), _, answers in world.cnat.sessions.entries() if not answers
    }
    assert client_ports == {n for n, backend in before.items() if backend == "10.0.1.9"}


def test_deleting_a_translation_ends_its_sessions() -> None:
    world = served()
    world.cnat.translations.delete(0)
    world.later(1)
    assert len(world.cnat.sessions) == 0


def test_ids_are_kept_by_updates_and_given_again_after_deletion() -> None:
    world = World()
    first, second = (world.serve(f"10.96.0.{n}", 80, ("10.0.1.9", 80)) for n in (1, 2))
    assert world.serve("10.96.0.1", 80, ("10.0.2.9", 80)) == first
    world.cnat.translations.delete(first)
    assert world.serve("10.96.0.3", 80, ("10.0.2.9", 80)) == first
    assert second == 1


def test_a_purge_ends_sessions_and_translations() -> None:
    world = served()
    world.cnat.purge()
    assert len(world.cnat.sessions) == 0
    assert world.cnat.translations.by_index == {}
    assert world.carry(0, tcp_segment(*REQUEST)) == {}


def answer_hook(world: World, where: str, verdicts: list[bool]) -> list[tuple[Flow, int]]:
    """Let the policy hook `where` return `verdicts` in turn; returns the calls that it gets."""
    questions: list[tuple[Flow, int]] = []

    def hook(flow: Flow, if_index: int) -> bool:
        questions.append((flow, if_index))
        return verdicts[len(questions) - 1]

    setattr(world.cnat.policy_hooks, where, hook)
    return questions


def test_policies_see_the_backend_coming_in_and_the_true_source_going_out() -> None:
    world = World()
    world.masquerade()
    world.serve("10.96.0.10", 80, ("99.0.0.1", 8080))
    coming_in, going_out = answer_hook(world, "input", [True]), answer_hook(world, "output", [True])
    ((forwarded,),) = world.carry(0, tcp_segment(*REQUEST)).values()
    translated = Flow(4, TCP, packed("10.0.0.9"), packed("99.0.0.1"), 1000, 8080)
    assert coming_in == [(translated, world.links[0].index)]
    assert going_out == [(translated, world.links[2].index)]
    assert ends(forwarded) == ("10.0.2.1", 49152, "99.0.0.1", 8080)


@pytest.mark.parametrize("where", ["input", "output"])
def test_a_verdict_holds_for_the_life_of_the_session(where: str) -> None:
    world = World()
    questions = answer_hook(world, where, [False, True])
    flow = udp("10.0.0.9", "10.0.1.9", ports=(1000, 53))
    for _ in range(3):
        assert world.carry(0, flow) == {}
    assert len(questions) == 1
    world.later(31)
    for _ in range(3):
        assert [*world.carry(0, flow)] == [1]
    assert len(questions) == 2


def test_answers_pass_without_a_question() -> None:
    world = World()
    coming_in, going_out = answer_hook(world, "input", [True, False]), answer_hook(world, "output", [True, False])
    world.carry(0, udp("10.0.0.9", "10.0.1.9", ports=(1000, 53)))
    assert [*world.carry(1, udp("10.0.1.9", "10.0.0.9", ports=(53, 1000)))] == [0]
    assert len(coming_in) == len(going_out) == 1


def test_a_denied_flow_has_no_session_for_answers() -> None:
    world = World()
    answer_hook(world, "output", [False])
    world.carry(0, udp("10.0.0.9", "10.0.1.9", ports=(1000, 53)))
    assert [answers for *_, answers in world.cnat.sessions.entries()] == [False]


def test_a_ping_is_asked_about_by_its_identifier() -> None:
    world = World()
    questions = answer_hook(world, "input", [True])
    world.carry(0, echo("10.0.0.9", "10.0.1.9", 7))
    assert questions == [(Flow(4, ICMP, packed("10.0.0.9"), packed("10.0.1.9"), 7, 7), world.links[0].index)]
