import shutil
import tempfile
from pathlib import Path

import pytest


@pytest.fixture
def temporary(monkeypatch):
    """A folder for temporary files that everybody can come to, gone afterwards."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o755)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    yield folder
    shutil.rmtree(folder)
