"""VPP's startup.conf as a tree that knows where in the text each word is, so that an edit leaves the rest as it was.

```
file    = item*
item    = word | block
block   = "{" item* "}"
```
A block belongs to the words before it: `plugin x.so { enable }`. A comment goes from `#`, wherever it is, to the end
of the line (VPP: src/vpp/vnet/main.c); stanzas that come twice are one to VPP (vlib_call_all_config_functions). Pure.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_TOKEN = re.compile(r"(?P<comment>#[^\r\n]*)|(?P<brace>[{}])|(?P<word>[^\s{}#]+)")


class BadStartupTemplate(ValueError):
    """The template cannot be VPP's configuration; the text says where."""


@dataclass(frozen=True)
class StartupConfWord:
    """A word and its place in the text."""

    text: str
    start: int
    end: int


@dataclass
class _ConfBlock:
    """The content of braces, or the whole file. `start` and `end`: its place in the text."""

    start: int = 0
    end: int = 0
    items: "list[StartupConfWord | _ConfBlock]" = field(default_factory=list)

    def blocks(self, *name: str) -> "Iterator[_ConfBlock]":
        """The blocks after these words."""
        for at, item in enumerate(self.items):
            before = self.items[at - len(name) : at] if at >= len(name) else []
            if isinstance(item, _ConfBlock) and before and [_word_text(word) for word in before] == list(name):
                yield item

    def values(self, name: str) -> Iterator[StartupConfWord]:
        """The words after that word."""
        for word, value in zip(self.items, self.items[1:], strict=False):
            if _word_text(word) == name and isinstance(value, StartupConfWord):
                yield value

    def contains(self, word: str) -> bool:
        """Is the word in this block itself?"""
        return any(_word_text(item) == word for item in self.items)

    def words(self) -> Iterator[StartupConfWord]:
        """All words, those of inner blocks too."""
        for item in self.items:
            if isinstance(item, StartupConfWord):
                yield item
            else:
                yield from item.words()


def parse_startup_conf(text: str, source: str) -> _ConfBlock:
    """The tree of a text. Raises BadStartupTemplate, which names the source and the line."""
    root = _ConfBlock(0, len(text))
    stack = [root]
    for token in _TOKEN.finditer(text):
        if token["word"]:
            stack[-1].items.append(StartupConfWord(token["word"], *token.span()))
        elif token["brace"] == "{":
            block = _ConfBlock(token.end())
            stack[-1].items.append(block)
            stack.append(block)
        elif token["brace"]:
            if len(stack) == 1:
                raise BadStartupTemplate(f"{source}: line {_line_number(text, token.start())}: '}}' without '{{'")
            stack.pop().end = token.start()
    if len(stack) > 1:
        opened = _line_number(text, stack[-1].start)
        raise BadStartupTemplate(f"{source}: {len(stack) - 1} '{{' without '}}', the last one in line {opened}")
    return root


def _line_number(text: str, at: int) -> int:
    """Number of the line at that place of the text, from 1."""
    return text.count("\n", 0, at) + 1


class StartupConfEdits:
    """Changes of a text at places of its tree, made all at once."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._changes: list[tuple[int, int, str]] = []

    def replace(self, word: StartupConfWord, by: str) -> None:
        """Replaces a word."""
        self._changes.append((word.start, word.end, by))

    def append(self, block: _ConfBlock, text: str) -> None:
        """Adds text at the end of a block, on a line of its own if the block has several lines or is the file."""
        inside = self._text[block.start : block.end]
        if block.end == len(self._text) and block.start == 0:
            before = "\n" if self._text and not self._text.endswith("\n") else ""
            self._changes.append((block.end, block.end, f"{before}{text}\n"))
        elif "\n" in inside:
            at = block.start + len(inside.rstrip(" \t"))
            self._changes.append((at, at, f"  {text}\n"))
        else:
            at = block.start + len(inside.rstrip())
            self._changes.append((at, at, f" {text}"))

    def text(self) -> str:
        """The text with all changes."""
        parts, at = [], 0
        for start, end, by in sorted(self._changes, key=lambda change: change[0]):
            parts += [self._text[at:start], by]
            at = end
        return "".join([*parts, self._text[at:]])


def _word_text(item: "StartupConfWord | _ConfBlock") -> str | None:
    return item.text if isinstance(item, StartupConfWord) else None
