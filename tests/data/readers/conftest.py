"""Files that the tests of the readers share."""

import pytest


@pytest.fixture
def write(tmp_path):
    """`write("people.csv", text or bytes)`: the path of a new file."""

    def to(name, content):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return to
