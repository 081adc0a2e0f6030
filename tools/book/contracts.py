"""The import contracts of setup.cfg: what may know what."""

import configparser
from collections.abc import Mapping

from tools.book.page import ROOT

LAYERS, FORBIDDEN = "layers", "forbidden"


def import_contracts(kind: str) -> Mapping[str, configparser.SectionProxy]:
    """Contract id -> its section; `kind`: layers or forbidden."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    return {
        name.rpartition(":")[2]: setup[name]
        for name in setup.sections()
        if name.startswith("importlinter:contract:") and setup[name]["type"] == kind
    }
