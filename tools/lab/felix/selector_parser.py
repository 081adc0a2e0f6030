"""The text of a label selector becomes its tree. Pure."""

import re
from collections.abc import Callable
from functools import lru_cache

from tools.lab.felix.selector import SELECT_ALL, AllSelector, Among, Compare, Join, Not, Selector

TOKEN = re.compile(
    r"""[ \t]*(?:
        (?P<call>(?:has|all|global)\([ \t]*(?P<argument>[\w./-]*)[ \t]*\))
      | (?P<text>"[^"]*"|'[^']*')
      | (?P<word>[A-Za-z0-9_./-]+)
      | (?P<sign>==|!=|&&|\|\||[!(){},])
      | (?P<end>$)
    )""",
    re.VERBOSE | re.ASCII,
)
TEXT_OPERATORS = ("==", "!=", "contains", "starts with", "ends with")


class BadSelector(ValueError):
    """A selector that cannot be read; the text has it."""


@lru_cache(maxsize=4096)
def parse(text: str) -> Selector:
    """The tree of a selector; "" is `all()`. Raises BadSelector."""
    if not text.strip():
        return SELECT_ALL
    reader = SelectorParser(text)
    selector = reader.alternatives()
    if reader.peek() != ("end", ""):
        raise BadSelector(f"selector {text!r}: unexpected {reader.peek()[1]!r}")
    return selector


class SelectorParser:
    """Reads tokens from left to right; each method reads one level of precedence."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._place = 0

    def alternatives(self) -> Selector:
        """Terms joined by `||`."""
        return self._joined("||", lambda: self._joined("&&", self.factor))

    def _joined(self, operator: str, part: Callable[[], Selector]) -> Selector:
        parts = [part()]
        while self.peek() == ("sign", operator):
            self.take()
            parts.append(part())
        return parts[0] if len(parts) == 1 else Join(operator, tuple(parts))

    def factor(self) -> Selector:
        """A negation, parentheses, a call, or a label with an operator."""
        kind, text = self.take()
        match kind, text:
            case "sign", "!":
                return Not(self.factor())
            case "sign", "(":
                inner = self.alternatives()
                self._expect("sign", ")")
                return inner
            case "call", _:
                name, _, argument = text.rstrip(")").partition("(")
                return self._call(name, argument.strip())
            case "word", _:
                return self._operation(text)
        raise BadSelector(f"selector {self._text!r}: unexpected {text or 'end'!r}")

    def _call(self, name: str, argument: str) -> Selector:
        if (name == "has") is not bool(argument):
            raise BadSelector(f"selector {self._text!r}: {name}({argument})")
        return Compare(argument, "has") if name == "has" else AllSelector(f"{name}()")

    def _operation(self, label: str) -> Selector:
        _, operator = self.take()
        if operator in ("starts", "ends", "not"):
            operator += f" {self.take()[1]}"
        if operator in TEXT_OPERATORS:
            return Compare(label, operator, self._expect("text"))
        if operator in ("in", "not in", "notin"):
            return Among(label, self._set(), operator == "in")
        raise BadSelector(f"selector {self._text!r}: {operator!r} is no operator")

    def _set(self) -> tuple[str, ...]:
        self._expect("sign", "{")
        values: list[str] = []
        while self.peek() != ("sign", "}"):
            values.append(self._expect("text"))
            if self.peek() == ("sign", ","):
                self.take()
        self._expect("sign", "}")
        return tuple(sorted(set(values)))

    def _expect(self, kind: str, text: str | None = None) -> str:
        token = self.take()
        if token[0] != kind or (text is not None and token[1] != text):
            raise BadSelector(f"selector {self._text!r}: {token[1] or 'end'!r} instead of {text or kind!r}")
        return token[1]

    def peek(self) -> tuple[str, str]:
        """The next token: its kind, and its text without quotes."""
        place, token = self._place, self.take()
        self._place = place
        return token

    def take(self) -> tuple[str, str]:
        """Consumes the next token."""
        match = TOKEN.match(self._text, self._place)
        if match is None:
            raise BadSelector(f"selector {self._text!r}: cannot read {self._text[self._place :]!r}")
        self._place = match.end()
        for kind in ("call", "text", "word", "sign"):
            if (text := match[kind]) is not None:
                return kind, text[1:-1] if kind == "text" else text
        return "end", ""
