"""``python -m expander``: the command line."""

from expander.cli.main import main

if __name__ == "__main__":
    main()
