"""``python -m expander``: the command line."""

from expander.cli.main import entry

if __name__ == "__main__":
    entry()
