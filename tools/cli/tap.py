"""`vppd tap`: what the processes of a node say to one another."""

import argparse
import asyncio
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bus.door import BadKeys, client_keys, make_keys
from schemas.config import ConfigError, from_env
from tools.cli.errors import UserError
from tools.tap import chain, export, recording, show, state, top
from tools.tap.listener import Listener, NoBus, step_back
from tools.tap.recording import BadRecording, Recorder
from tools.tap.replay import NotReplayable, Replay
from tools.tap.seen import NOTE, Observer, Seen
from tools.tap.show import Painter
from tools.tap.wanted import BadExpression, Field, Wanted

WHOLE_S_MAX = 3.0
QUIET_S = 1.0
TOP_EVERY_S = 1.0
TROUBLE = (NoBus, BadKeys, BadRecording, NotReplayable, BadExpression, ConfigError, OSError)
Take = Callable[[float, bytes, list[Seen]], bool]


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds `tap` and its sub-commands."""
    tap = commands.add_parser("tap", help="what a node's processes say to one another", description=__doc__)
    subs = tap.add_subparsers(dest="sub", metavar="COMMAND")
    _live(tap)
    tap.set_defaults(run=_guarded(_watch))
    for name, run, text, arguments in COMMANDS:
        sub = subs.add_parser(name, help=text, description=text)
        arguments(sub)
        sub.set_defaults(run=_guarded(run))


def _node(parser: argparse.ArgumentParser) -> None:
    default = Path(os.environ.get("VPPD_RUN", "/run/vppd"))
    parser.add_argument("--run", dest="directory", type=Path, default=default, metavar="DIR",
                        help="the node's $VPPD_RUN (default: %(default)s)")  # fmt: skip
    parser.add_argument("--connect", metavar="tcp://HOST:PORT", default="", help="another machine's VPPD_TAP_LISTEN")
    parser.add_argument("--keys", type=Path, metavar="DIR", help="for --connect: client.key_secret and server.key")


def _keys_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("keys", type=Path, metavar="DIR", help="what VPPD_TAP_KEYS names")


def _filters(parser: argparse.ArgumentParser) -> None:
    for short, name, what in (
        ("-p", "--process", "who says it"),
        ("-w", "--word", "node, service, intent, status.cni, note..."),
        ("-k", "--key", "of the row"),
        ("-c", "--cause", "what it came from"),
    ):
        parser.add_argument(short, name, action="append", default=[], metavar="PATTERN", help=what)
    parser.add_argument("-f", "--field", action="append", default=[], metavar="EXPR",
                        help="ip_version=4, prefix~10.48*, took_s>0.1, state!=applied")  # fmt: skip
    parser.add_argument("--follow", metavar="CAUSE", help="all that one event set off, with the time of each hop")
    parser.add_argument("--all", action="store_true", help="also the rows that were there before")
    parser.add_argument("--json", action="store_true", help="a line of JSON each")
    parser.add_argument("--no-colour", action="store_true", help="no colours (as without a terminal, or with NO_COLOR)")


def _live(parser: argparse.ArgumentParser) -> None:
    _node(parser)
    _filters(parser)
    parser.add_argument("--for", dest="seconds", type=float, metavar="S", help="end after so many seconds")


def _record_arguments(parser: argparse.ArgumentParser) -> None:
    _node(parser)
    parser.add_argument("file", type=Path)
    parser.add_argument("--for", dest="seconds", type=float, metavar="S", help="end after so many seconds")
    parser.add_argument("--max-mb", type=float, default=100.0, metavar="MB", help="of a file (default: 100)")
    parser.add_argument("--files", type=int, default=3, metavar="N", help="files kept: FILE, FILE.1... (default: 3)")


def _play_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path)
    _filters(parser)
    parser.add_argument("--from", dest="start", type=float, default=0.0, metavar="S", help="seconds into the recording")
    parser.add_argument("--to", dest="end", type=float, metavar="S", help="seconds into the recording")
    parser.add_argument("--state", nargs="?", const="*", metavar="WORD", help="the rows as they were at --to")


def _replay_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path)
    parser.add_argument("--into", required=True, metavar="MANAGER", help="services")
    parser.add_argument("--diff", action="store_true", help="only what it wants now and did not want then; exit 1")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a variable of the manager")
    parser.add_argument("--json", action="store_true", help="a line of JSON each")
    parser.add_argument("--no-colour", action="store_true", help="no colours")


def _top_arguments(parser: argparse.ArgumentParser) -> None:
    _node(parser)
    parser.add_argument("--once", action="store_true", help="one table after a few seconds")


def _state_arguments(parser: argparse.ArgumentParser) -> None:
    _node(parser)
    parser.add_argument("word", nargs="?", metavar="WORD", help="pattern; none: the list of words")
    parser.add_argument("key", nargs="?", default="*", metavar="KEY", help="pattern")
    parser.add_argument("--diff", action="store_true", help="intents that VPP does not hold, and what they wait for")
    parser.add_argument("--no-colour", action="store_true", help="no colours")


def _export_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="a recording")
    parser.add_argument("--perfetto", type=Path, metavar="OUT", help="a trace for https://ui.perfetto.dev")
    parser.add_argument("--mermaid", metavar="CAUSE", help="a sequence diagram of one cause, on standard output")


def _names_arguments(parser: argparse.ArgumentParser) -> None:
    _node(parser)
    parser.add_argument("what", choices=["words", "processes", "keys", "causes"])


def _guarded(run: Callable[[argparse.Namespace], int]) -> Callable[[argparse.Namespace], int]:
    def guarded(options: argparse.Namespace) -> int:
        try:
            return run(options)
        except BrokenPipeError:
            raise
        except TROUBLE as error:
            raise UserError(str(error)) from None

    return guarded


# --- what is printed


def _painter(options: argparse.Namespace) -> Painter:
    return Painter(sys.stdout.isatty() and not options.no_colour and "NO_COLOR" not in os.environ)


def _wanted(options: argparse.Namespace) -> Wanted:
    return Wanted(
        tuple(options.process),
        tuple(options.word),
        tuple(options.key),
        tuple(options.cause),
        tuple(map(Field.read, options.field)),
        options.all,
    )


class _Printer:
    """Prints what is asked for."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._paint, self._json = _painter(options), options.json
        self._wanted = _wanted(options)
        self._chain = chain.Chain(options.follow) if options.follow else None
        self._width = shutil.get_terminal_size().columns
        self._cause = ""

    def __call__(self, seen: list[Seen]) -> None:
        fitting = [each for each in seen if self._wanted.fits(each) and (not self._chain or self._chain.fits(each))]
        for each in fitting:
            if self._json:
                print(show.as_json(each))
                continue
            if self._chain:
                hop = self._chain.hop(each)
                print(self._paint(f"+{show.took(hop.after_s)} (+{show.took(hop.hop_s)})", show.BOLD))
            for line in show.lines(each, self._width, self._paint, self._cause):
                print(line)
            self._cause = each.cause
        if fitting:
            sys.stdout.flush()


# --- live


async def _listen(options: argparse.Namespace, take: Take, seconds: float | None) -> Observer:
    """Hears until the time is over, `take` says True, or the process is told to end."""
    async with _listener(options) as listener:
        hearing = asyncio.create_task(_hear(listener, take))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, hearing.cancel)
        try:
            async with asyncio.timeout(seconds):
                await hearing
        except (TimeoutError, asyncio.CancelledError):
            pass
        return listener.observer


async def _hear(listener: Listener, take: Take) -> None:
    async for now, data in listener.frames():
        if take(now, data, listener.observer.feed(data, now)):
            return


async def _whole(options: argparse.Namespace) -> Observer:
    """Everything as it is now."""
    async with _listener(options) as listener:
        with_all = asyncio.create_task(_hear(listener, lambda *_: listener.observer.whole))
        await asyncio.wait([with_all], timeout=WHOLE_S_MAX)
        with_all.cancel()
        if with_all.done() and not with_all.cancelled() and (error := with_all.exception()):
            raise error
        return listener.observer


def _watch(options: argparse.Namespace) -> int:
    printer = _Printer(options)

    def take(_now: float, _data: bytes, seen: list[Seen]) -> bool:
        printer(seen)
        return False

    observer = asyncio.run(_listen(options, take, options.seconds))
    if observer.gaps():
        sys.stderr.write(f"vppd: {observer.gaps()} times something was missed, and the whole was asked for\n")
    return 0


def _record(options: argparse.Namespace) -> int:
    recorder = Recorder(options.file, int(options.max_mb * 1e6), max(1, options.files))

    async def run() -> None:
        observer: list[Observer] = []

        def take(now: float, data: bytes, _seen: list[Seen]) -> bool:
            recorder.write(now, data, observer[0].snapshots() if observer else ())
            return False

        async with _listener(options) as listener:
            observer.append(listener.observer)
            hearing = asyncio.create_task(_hear(listener, take))
            for number in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(number, hearing.cancel)
            try:
                async with asyncio.timeout(options.seconds):
                    await hearing
            except (TimeoutError, asyncio.CancelledError):
                pass

    try:
        asyncio.run(run())
    finally:
        recorder.close()
    size = options.file.stat().st_size if options.file.exists() else 0
    print(f"{recorder.frames} frames, {size / 1e6:.1f} MB in {options.file}")
    return 0


def _top(options: argparse.Namespace) -> int:
    rates, starts, sessions = top.Rates(), dict[str, int](), dict[str, int]()
    paint = Painter(sys.stdout.isatty())
    shown = time.monotonic() + (2 if options.once else 0)

    async def run() -> None:
        async with _listener(options) as listener:

            def take(now: float, _data: bytes, seen: list[Seen]) -> bool:
                nonlocal shown
                for each in seen:
                    rates.take(each, now)
                    _count_starts(each, starts, sessions)
                if time.monotonic() - shown < TOP_EVERY_S:
                    return False
                shown = time.monotonic()
                memory = _memory(listener.observer)
                table = "\n".join(top.table(listener.observer, rates, memory, starts, now, paint))
                print(table if options.once else f"\033[H\033[2J{table}", flush=True)
                return bool(options.once)

            await _hear(listener, take)

    asyncio.run(run())
    return 0


def _count_starts(seen: Seen, starts: dict[str, int], sessions: dict[str, int]) -> None:
    if seen.word == top.PROCESS and seen.new:
        session = seen.new.get("session", 0)
        if sessions.get(seen.key, session) != session:
            starts[seen.key] = starts.get(seen.key, 0) + 1
        sessions[seen.key] = session


def _memory(observer: Observer) -> dict[int, int]:
    """Bytes of the processes that can be seen from here (Linux: /proc/<pid>/statm)."""
    found = {}
    for _, _, row, _ in observer.rows(top.PROCESS):
        pid = row.get("pid", 0)
        try:
            found[pid] = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except (OSError, ValueError, IndexError):
            continue
    return found


def _state(options: argparse.Namespace) -> int:
    observer, paint = asyncio.run(_whole(options)), _painter(options)
    if options.diff:
        lines = list(state.unapplied(observer, paint))
        print("\n".join(lines) or "VPP holds every intent")
        return 1 if lines else 0
    _print_state(observer, options.word, options.key, paint)
    return 0


def _print_state(observer: Observer, word: str | None, key: str, paint: Painter) -> None:
    width = shutil.get_terminal_size().columns
    for line in state.rows(observer, word, key, width, paint) if word else state.words(observer):
        print(line)


def _listener(options: argparse.Namespace) -> Listener:
    """Raises BadKeys."""
    if bool(options.connect) != bool(options.keys):
        raise UserError("--connect and --keys go together")
    step_back()
    return Listener(options.directory, options.connect, client_keys(options.keys) if options.connect else None)


def _keys(options: argparse.Namespace) -> int:
    for path in make_keys(options.keys):
        print(path)
    print(f"On the node: VPPD_TAP_KEYS={options.keys}, VPPD_TAP_LISTEN=tcp://ADDRESS:PORT. To tap from elsewhere, take")
    print("server.key and client.key_secret with you: vppd tap --connect tcp://ADDRESS:PORT --keys DIR")
    return 0


def _names(options: argparse.Namespace) -> int:
    observer = asyncio.run(_whole(options))
    names = {
        "words": lambda: {NOTE, *(word for word, _ in observer.mirrors)},
        "processes": lambda: {owner for _, owner in observer.mirrors},
        "keys": lambda: {key for mirror in observer.mirrors.values() for key in mirror.stream.rows},
        "causes": lambda: {held.cause for m in observer.mirrors.values() for held in m.stream.rows.values()} - {""},
    }[options.what]()
    print("\n".join(sorted(names)))
    return 0


# --- recordings


def _frames(options: argparse.Namespace) -> Iterator[tuple[float, bytes]]:
    began: float | None = None
    for now, data in recording.read(options.file):
        began = now if began is None else began
        if options.end is not None and now - began > options.end:
            return
        yield now, data


def _play(options: argparse.Namespace) -> int:
    observer, printer = Observer(), _Printer(options)
    began: float | None = None
    for now, data in _frames(options):
        began = now if began is None else began
        seen = observer.feed(data, now)
        if now - began >= options.start and options.state is None:
            printer(seen)
    if options.state is not None:
        _print_state(observer, options.state, "*", _painter(options))
    return 0


def _replay(options: argparse.Namespace) -> int:
    settings = dict(text.partition("=")[::2] for text in options.set)
    replay = Replay(options.into, from_env({**os.environ, **settings}, required=()))
    width, paint = shutil.get_terminal_size().columns, _painter(options)
    changed = list(replay.feed(recording.read(options.file)))
    found = list(replay.differences()) if options.diff else changed
    for seen in found:
        for line in [show.as_json(seen)] if options.json else show.lines(seen, width, paint):
            print(line)
    if replay.waits_for:
        raise UserError(f"{options.into} says nothing: the recording lacks {', '.join(replay.waits_for)}")
    for error in replay.malformed:
        sys.stderr.write(f"vppd: malformed: {error}\n")
    if options.diff and not found:
        print(f"{options.into} wants what it wanted then: {len(replay.intents)} intents")
    return 1 if options.diff and found else 0


def _export(options: argparse.Namespace) -> int:
    if not (options.perfetto or options.mermaid):
        raise UserError("export what? --perfetto OUT or --mermaid CAUSE")
    observer = Observer()
    seen = [each for now, data in recording.read(options.file) for each in observer.feed(data, now)]
    if options.perfetto:
        options.perfetto.write_text(export.perfetto(seen))
        print(f"{options.perfetto}: open it at https://ui.perfetto.dev")
    if options.mermaid:
        found = list(chain.hops(seen, options.mermaid))
        if not found:
            raise UserError(f"{options.file}: nothing came from {options.mermaid}")
        print("\n".join(export.mermaid(found)))
    return 0


Command = tuple[str, Callable[[argparse.Namespace], int], str, Callable[[argparse.ArgumentParser], None]]
COMMANDS: tuple[Command, ...] = (
    ("record", _record, "write all that is said to a file", _record_arguments),
    ("play", _play, "show a recording", _play_arguments),
    ("replay", _replay, "feed a recording into a manager and see what it wants", _replay_arguments),
    ("top", _top, "processes and words at a glance", _top_arguments),
    ("state", _state, "the rows as they are now, intents beside their statuses", _state_arguments),
    ("export", _export, "a recording for Perfetto or Mermaid", _export_arguments),
    ("keys", _keys, "make the keys with which taps come in from elsewhere", _keys_arguments),
    ("names", _names, "names on the bus, for completion", _names_arguments),
)
