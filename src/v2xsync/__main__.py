"""`python -m v2xsync` is the console script."""

from v2xsync.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
