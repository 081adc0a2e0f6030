"""The cache of VPP's description of its messages: what is not whole counts for nothing, and none is needed."""

from pathlib import Path
from unittest.mock import patch

import pytest

from actors.vpp_writer.vpp.definitions import VppApiDefinitions

TABLE = ("control_ping_51077d14",)
DESCRIPTION = '[{"messages": []}]'


@pytest.fixture
def definitions(tmp_path: Path) -> VppApiDefinitions:
    return VppApiDefinitions((), tmp_path / "writer")


def test_a_description_is_kept_for_the_next_life(definitions: VppApiDefinitions) -> None:
    assert definitions.recall(TABLE) is None
    definitions.remember(TABLE, DESCRIPTION)
    assert definitions.recall(TABLE) == DESCRIPTION


@pytest.mark.parametrize("length", [0, 1, 10, len(DESCRIPTION) - 1])
def test_a_torn_description_is_asked_for_again(definitions: VppApiDefinitions, tmp_path: Path, length: int) -> None:
    definitions.remember(TABLE, DESCRIPTION)
    (file,) = (tmp_path / "writer").iterdir()
    file.write_text(DESCRIPTION[:length])
    assert definitions.recall(TABLE) is None


def test_one_that_cannot_be_kept_is_asked_for_again(definitions: VppApiDefinitions) -> None:
    with patch("os.write", return_value=0):
        definitions.remember(TABLE, DESCRIPTION)
    assert definitions.recall(TABLE) is None
    with patch.object(Path, "mkdir", side_effect=PermissionError):
        definitions.remember(TABLE, DESCRIPTION)
    assert definitions.recall(TABLE) is None
