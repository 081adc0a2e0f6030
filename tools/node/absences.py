"""Edge: why processes of a node are not there: what supervisord says of them, and their own last words."""

from collections.abc import Iterable
from pathlib import Path

from tools.node.last_words import last_words
from tools.node.logs import last_log_lines, log_paths
from tools.node.programs import NodeProgram, NodeSupervisor, NoSupervisord

LINES = 500  # of a log in which last words are looked for


def why_absent(run: Path, names: Iterable[str]) -> dict[str, list[str]]:
    """Name -> what is known of a process that is not there, in words; also programs beside the bus that do not run."""
    programs = _programs(run)
    absent = [*names, *(name for name, program in programs.items() if not program.is_up)]
    paths = log_paths(run)
    return {
        name: [*_supervisor_words(programs.get(name)), *(_last_words(paths[name]) if name in paths else ())]
        for name in dict.fromkeys(absent)
    }


def _programs(run: Path) -> dict[str, NodeProgram]:
    try:
        return NodeSupervisor(run).programs()
    except (NoSupervisord, PermissionError):
        return {}


def _supervisor_words(program: NodeProgram | None) -> list[str]:
    if program is None or program.state == "RUNNING":
        return []
    return [f"{program.state}: {program.description}" if program.description else program.state]


def _last_words(path: Path) -> list[str]:
    try:
        words = last_words(last_log_lines(path, LINES))
    except OSError as error:
        words = f"{path}: {error.strerror}"
    return [f"last words: {words}"] if words else []
