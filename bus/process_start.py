"""Edge: when a process started. With its id that tells it from a later process of that id."""

from pathlib import Path

from bus.shortage import raise_shortage


def process_start_ticks(pid: int) -> int:
    """Clock ticks since boot; 0: there is no such process, it is a zombie, or it cannot be seen from here (proc(5)).

    Raises OSError: nothing can be seen just now, for want of descriptors or memory.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError as error:
        raise_shortage(error)
        return 0
    return 0 if fields[0] == "Z" else int(fields[19])
