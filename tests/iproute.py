"""ip(8), by which tests look at links and namespaces and make them."""

import json
import subprocess
from typing import Any


def ip(*words: str, netns: str = "") -> str:
    """What ip(8) prints. Raises CalledProcessError."""
    line = ["ip", *(("-n", netns) if netns else ()), *" ".join(words).split()]
    return subprocess.run(line, capture_output=True, text=True, check=True).stdout


def ip_json(*words: str, netns: str = "") -> list[dict[str, Any]]:
    """The objects that ip(8) lists. Raises CalledProcessError."""
    objects: list[dict[str, Any]] = json.loads(ip("-j", *words, netns=netns) or "[]")
    return [entry for entry in objects if entry]
