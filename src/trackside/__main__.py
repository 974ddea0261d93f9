"""`python -m trackside` is the `trackside` command."""

import sys

from trackside.cli import main

sys.exit(main())
