"""The store on disk: a file of JSON lines, so that a restarted server keeps objects and versions.

The first line is `{"version": n}`; every other line is one object, `{"resource", "object"}`, or its removal,
`{"resource", "key", "version"}`. A change appends a line before its request is answered: cheap however many
objects there are, and nothing that was answered is lost when the server is killed. Start and growth write
the file anew and rename it into place. A last line that was cut off is an unanswered change: dropped.
"""

import json
import os
from pathlib import Path
from typing import IO

from tools.lab.apiserver.resources import BY_ID
from tools.lab.apiserver.store import ObjectChange, ObjectStore
from tools.lab.objects import Object, key_of

LINES_MIN_FOR_REWRITE = 10_000
LINES_PER_OBJECT_MAX = 4


class StoreFile:
    """The open file of one store."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.store = load_store(path)
        self._saved = self.store.version
        self._file = self._rewrite()

    def save(self) -> None:
        """Append what changed since the last save."""
        changes = self.store.changes_since(self._saved)
        if not changes:
            return
        self._file.write("".join(json.dumps(change_line(change)) + "\n" for change in changes))
        self._file.flush()
        self._saved = self.store.version
        self._lines += len(changes)
        if self._lines > LINES_MIN_FOR_REWRITE + LINES_PER_OBJECT_MAX * sum(1 for _ in self.store.all_objects()):
            self._file.close()
            self._file = self._rewrite()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _rewrite(self) -> IO[str]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_name(self.path.name + ".new")
        rows = [{"resource": resource, "object": body} for resource, body in self.store.all_objects()]
        file = fresh.open("w")
        for row in [{"version": self.store.version}, *rows]:
            file.write(json.dumps(row) + "\n")
        file.flush()
        os.rename(fresh, self.path)
        self._lines = len(rows)
        return file


def change_line(change: ObjectChange) -> Object:
    """One change as a line."""
    if change.after is not None:
        return {"resource": change.resource.id, "object": change.after}
    return {"resource": change.resource.id, "key": key_of(change.last), "version": change.version}


def load_store(path: Path) -> ObjectStore:
    """The store that the file describes; an absent file is an empty store. Raises ValueError."""
    objects: dict[tuple[str, str, str], Object] = {}
    version = 0
    for row in read_lines(path):
        if "object" in row:
            namespace, name = key_of(row["object"])
            objects[row["resource"], namespace, name] = row["object"]
            version = max(version, int(row["object"]["metadata"]["resourceVersion"]))
        else:
            version = max(version, row["version"])
            if "key" in row:
                objects.pop((row["resource"], row["key"][0], row["key"][1]), None)
    # A resource that the registry no longer has keeps nothing: nobody could ask for it.
    served = [(BY_ID[resource], body) for (resource, _, _), body in objects.items() if resource in BY_ID]
    return ObjectStore(version, served)


def read_lines(path: Path) -> list[Object]:
    """The lines of the file but for one cut off at its end; raises ValueError when it is another file."""
    if not path.exists():
        return []
    whole = path.read_text().split("\n")[:-1]
    try:
        return [json.loads(text) for text in whole]
    except ValueError as error:
        raise ValueError(f"{path}: not a state file of the lab's API server: {error}") from None
