"""`python -m ecompulse` is the same program as `ecompulse`."""

from ecompulse.run.cli import main

if __name__ == "__main__":
    main()
