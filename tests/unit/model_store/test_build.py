"""Building a model, as every load does once without memory for its weights."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_building_on_the_meta_device_does_not_wait_for_sympy() -> None:
    script = (
        "import sys, torch\n"
        "from model_store.build import build_vae\n"
        "from tests.models import KINDS, model_schema\n"
        "with torch.device('meta'):\n"
        "    vaes = [build_vae(model_schema(kind)) for kind in KINDS]\n"
        "sys.exit('sympy' in sys.modules or not vaes)"
    )

    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False)

    assert done.returncode == 0
