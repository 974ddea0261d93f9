"""The `trackside` command. Data goes to stdout, all else to stderr; exit codes: 0 done, 1 failed, 2 used wrongly."""

import argparse
import importlib
import sys
from collections.abc import Sequence

from trackside import __version__
from trackside.errors import TracksideError, UsageError

#: command → (module, one line of help); a module is loaded when its command is called, and says its own arguments.
COMMANDS: dict[str, tuple[str, str]] = {
    "up": ("services", "run server, UI and an agent on the queues default and services, until Ctrl-C"),
    "server": ("services", "run the server and the UI"),
    "agent": ("services", "run an agent: take tasks from queues and execute them"),
    "demo": ("demo", "run the pipeline example end to end"),
    "task": ("task", "list, show, clone, enqueue, abort tasks"),
    "credentials": ("credentials", "make an access key for a user"),
    "login": ("login", "print a link that logs a browser in, once"),
    "doctor": ("doctor", "check this installation, the server and the agent's tools"),
}

#: An extra's module → the sentence that installs it.
_EXTRAS = "this command needs more than the SDK: pip install 'trackside[all]'"


def main(arguments: Sequence[str] | None = None) -> int:
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = _parser(given[0] if given else None)
    options = parser.parse_args(given)
    if not hasattr(options, "run"):
        parser.print_help(sys.stderr)
        return 2
    try:
        return int(options.run(options) or 0)
    except UsageError as error:
        print(f"trackside: {error.message}", file=sys.stderr)
        return 2
    except (TracksideError, ValueError) as error:
        print(f"trackside: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        return 1
    except KeyboardInterrupt:
        return 130


def _parser(chosen: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="trackside", description="Tracked tasks, queues, agents and pipelines.")
    parser.add_argument("--version", action="version", version=f"trackside {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND")
    for name, (module, about) in COMMANDS.items():
        command = commands.add_parser(name, help=about, description=about)
        if name == chosen:
            try:
                importlib.import_module(f"trackside.cli.{module}").configure(name, command)
            except ModuleNotFoundError as error:
                if (error.name or "").startswith("trackside"):
                    raise
                print(f"trackside: {_EXTRAS} (there is no module {error.name})", file=sys.stderr)
                raise SystemExit(2) from error
    return parser
