"""Run `python -m irl_inr_jax`, which is `irl-inr`."""

import sys

from irl_inr_jax.commands.main import main

if __name__ == "__main__":
    sys.exit(main())
