"""Shapes in model_store.vae are checked at run time under test, with beartype."""

from jaxtyping import install_import_hook

hook = install_import_hook("model_store.vae", "beartype.beartype")
