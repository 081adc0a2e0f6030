"""How the text of an environment variable is read. Each function raises ValueError, which says what is wrong."""

import re
from collections.abc import Callable
from pathlib import Path

from schemas.addresses import parse_interface_address, parse_ip_address, parse_ip_prefix

_LOG_LEVELS = ("debug", "info", "warning", "error")
# Words of logrus, by which Calico/VPP logs, for levels that are not there.
_NEAREST_LOG_LEVEL = {"trace": "debug", "warn": "warning", "fatal": "error", "panic": "error"}


def env_addresses(text: str) -> tuple[str, ...]:
    """A comma list of addresses."""
    return tuple(str(parse_ip_address(part.strip())) for part in text.split(",") if part.strip())


def env_choice(*words: str) -> Callable[[str], str]:
    """One of these words, whatever its case."""

    def read(text: str) -> str:
        if text.lower() not in words:
            raise ValueError(f"is {text!r}, not one of {', '.join(words)}")
        return text.lower()

    return read


def env_log_level(text: str) -> str:
    """One of our levels; Calico/VPP's words for other levels mean the nearest of them."""
    level = env_choice(*_LOG_LEVELS, *_NEAREST_LOG_LEVEL)(text)
    return _NEAREST_LOG_LEVEL.get(level, level)


def env_bgp_log_level(text: str) -> str:
    """`env_log_level`, but gobgpd knows `trace` too."""
    return "trace" if text.lower() == "trace" else env_log_level(text)


def env_seconds(low: float, high: float) -> Callable[[str], float]:
    """A time in seconds, with or without its unit: "2.5", "10s"."""

    def read(text: str) -> float:
        value = float(text.removesuffix("s"))
        if not low <= value <= high:
            raise ValueError(f"is {value} s, outside {low} to {high} s")
        return value

    return read


def env_count(low: int, high: int) -> Callable[[str], int]:
    """A whole number, `low` to `high`."""

    def read(text: str) -> int:
        value = int(text)
        if not low <= value <= high:
            raise ValueError(f"is {value}, outside {low} to {high}")
        return value

    return read


def env_prefixes(text: str) -> tuple[str, ...]:
    """A comma list of prefixes, host bits cut off."""
    return tuple(str(parse_ip_prefix(part.strip())) for part in text.split(",") if part.strip())


def env_host_address(text: str) -> str:
    """An address with its mask, "169.254.0.1/32"."""
    return str(parse_interface_address(text))


def env_tcp_endpoint(text: str) -> str:
    """Where to listen, as ZeroMQ names it."""
    if not re.fullmatch(r"tcp://[^/]+:\d{1,5}", text):
        raise ValueError(f"{text!r} is not tcp://ADDRESS:PORT")
    return text


def env_names(text: str) -> tuple[str, ...]:
    """A comma list of names."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def env_path_or_none(text: str) -> Path | None:
    """A path; `none`: none."""
    return None if text.lower() == "none" else Path(text)
