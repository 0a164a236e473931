"""``python -m tidewire`` is the ``tidewire`` command."""

import sys


def main() -> None:
    """Run the command, or say in one line what is not installed."""
    try:
        from tidewire.cli import main as command
    except ModuleNotFoundError as missing:
        if (missing.name or "").startswith("tidewire"):
            raise
        sys.exit(
            f"tidewire: {missing.name} is not installed; install the server: pip install 'tidewire[server]'"
        )
    command()


if __name__ == "__main__":
    main()
