"""Shapes in model_store.vae are checked at run time under test, with beartype; one core per test.

The hook must stand before the first import of the package, in every worker.
"""

import os

from jaxtyping import install_import_hook

# The machine's cores go to the test processes, not to the threads of one; for their children too.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["VAE_THREADS_PER_BATCH"] = "1"

install_import_hook("model_store.vae", "beartype.beartype")
