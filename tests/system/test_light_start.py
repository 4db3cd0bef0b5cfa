"""What every process pays for at its start."""

import subprocess
import sys


def test_serving_and_working_load_no_training() -> None:
    """scikit-learn takes seconds and a hundred megabytes: only training and comparing need it."""
    code = "import app.main, app.worker, app.cli, sys; print('sklearn' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert said.stdout.strip() == "False"
