"""VPP's startup.conf: `name value... { nested }`, comments from `#` or `//` to the end of the line.

Stanzas and words that vppsim does not use are ignored; a missing brace or an unreadable value is one clear error.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

_TOKEN = re.compile(r"[{}]|[^\s{}]+")
_COMMENT = re.compile(r"(^|\s)(#|//)[^\n]*")
RUNTIME_DIR = "/run/vpp"
API_SOCKET = "api.sock"


class StartupError(ValueError):
    """The file is not valid; the text says where."""


@dataclass
class Stanza:
    """The words of a stanza, and nested stanzas by the words before their brace: `dev 0:0:0.0 { ... }`."""

    words: list[str] = field(default_factory=list)
    stanzas: list[tuple[str, "Stanza"]] = field(default_factory=list)

    def value(self, name: str) -> str | None:
        """The word after `name`."""
        at = self.words.index(name) + 1 if name in self.words else len(self.words)
        return self.words[at] if at < len(self.words) else None


@dataclass(frozen=True)
class StartupConfig:
    """The settings of a startup.conf that vppsim uses."""

    runtime_dir: Path
    api_socket: Path
    cli_socket: Path | None = None
    pid_file: Path | None = None
    log_file: Path | None = None
    exec_file: Path | None = None
    answers_ping: bool = True
    cnat: Stanza = field(default_factory=Stanza)


def parse_stanzas(text: str) -> dict[str, Stanza]:
    """Top-level stanzas by name; stanzas of one name are joined."""
    root = Stanza()
    stack = [root]
    for token in _TOKEN.findall(_COMMENT.sub(r"\1", text)):
        if token == "{":
            stack.append(_open(stack[-1]))
        elif token == "}":
            stack.pop()
            if not stack:
                raise StartupError("a closing brace without its opening one")
        else:
            stack[-1].words.append(token)
    if len(stack) != 1:
        raise StartupError("a closing brace is missing")
    return _joined(root)


def _open(parent: Stanza) -> Stanza:
    """Begin a nested stanza, named by the last word before its brace, or the two last for `plugin x.so`, `dev x`."""
    if not parent.words:
        raise StartupError("an opening brace without a name")
    name, child = parent.words.pop(), Stanza()
    if parent.words and parent.words[-1] in ("plugin", "dev"):
        name = f"{parent.words.pop()} {name}"
    parent.stanzas.append((name, child))
    return child


def _joined(root: Stanza) -> dict[str, Stanza]:
    joined: dict[str, Stanza] = {}
    for name, stanza in root.stanzas:
        whole = joined.setdefault(name, Stanza())
        whole.words += stanza.words
        whole.stanzas += stanza.stanzas
    return joined


def parse_config(text: str) -> StartupConfig:
    """The settings in the text of a startup.conf; raises StartupError."""
    stanzas = parse_stanzas(text)
    unix, socksvr = stanzas.get("unix", Stanza()), stanzas.get("socksvr", Stanza())
    runtime_dir = Path(unix.value("runtime-dir") or RUNTIME_DIR)
    return StartupConfig(
        runtime_dir=runtime_dir,
        api_socket=Path(socksvr.value("socket-name") or runtime_dir / API_SOCKET),
        cli_socket=_path(unix.value("cli-listen")),
        pid_file=_path(unix.value("pidfile")),
        log_file=_path(unix.value("log")),
        exec_file=_path(unix.value("exec") or unix.value("startup-config")),
        answers_ping=_has_plugin(stanzas.get("plugins", Stanza()), "ping_plugin.so"),
        cnat=stanzas.get("cnat", Stanza()),
    )


def _path(value: str | None) -> Path | None:
    return Path(value) if value else None


def _has_plugin(plugins: Stanza, name: str) -> bool:
    """Is a plugin loaded? Its own stanza decides, else the default's, else it is."""
    for title in (f"plugin {name}", "plugin default"):
        for stanza_name, stanza in plugins.stanzas:
            if stanza_name == title and stanza.words:
                return stanza.words[-1] != "disable"
    return True
