"""``python -m notmnist_store``: the same program as ``notmnist-store``."""

import sys

from notmnist_store.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
