"""`python -m ecompulse` is the same program as `ecompulse`; a role that a supervisor starts goes past the command line."""

import sys

if __name__ == "__main__":
    if "--supervisor" in sys.argv:
        from ecompulse.run.role import main
    else:
        from ecompulse.run.cli import main
    main()
