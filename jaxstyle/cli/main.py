"""The command line: options in, exit codes out. Nothing heavy is imported before it is needed."""

import io
import json
import logging
import os
import sys
import traceback
from contextlib import redirect_stderr, redirect_stdout
from typing import Annotated, Any, get_args

import tyro
from tyro.conf import OmitArgPrefixes, subcommand

from jaxstyle import __version__
from jaxstyle.cli.artwork import ArtworkCommand
from jaxstyle.cli.cache import CacheCommand
from jaxstyle.cli.demo import DemoCommand
from jaxstyle.cli.doctor import DoctorCommand
from jaxstyle.cli.environment import check_flags, explain_jax, print_anything
from jaxstyle.cli.fast import FastCommand
from jaxstyle.cli.measure import MeasureCommand
from jaxstyle.cli.plain_help import make_plain
from jaxstyle.cli.presets import PresetsCommand
from jaxstyle.cli.rerun import RerunCommand
from jaxstyle.cli.resume import ResumeCommand
from jaxstyle.cli.saliency import SaliencyCommand
from jaxstyle.cli.shown import choose, presentable
from jaxstyle.cli.stylize import StylizeCommand
from jaxstyle.cli.sweep import ReportCommand, SweepCommand
from jaxstyle.cli.texture import TextureCommand
from jaxstyle.cli.train import TrainCommand
from jaxstyle.cli.usage import explain, renamed, reordered
from jaxstyle.cli.weights import WeightsCommand
from jaxstyle.errors import JaxstyleError, SettingError, is_out_of_memory, printable

STOPPED, INTERRUPTED = 75, 130  # the first is also in stopping.py, which takes long to import


Command = (
    Annotated[StylizeCommand, subcommand("stylize")]
    | Annotated[FastCommand, subcommand("fast")]
    | Annotated[RerunCommand, subcommand("rerun")]
    | Annotated[ResumeCommand, subcommand("resume")]
    | Annotated[ArtworkCommand, subcommand("artwork")]
    | Annotated[SaliencyCommand, subcommand("saliency")]
    | Annotated[TextureCommand, subcommand("texture")]
    | Annotated[SweepCommand, subcommand("sweep")]
    | Annotated[TrainCommand, subcommand("train")]
    | Annotated[ReportCommand, subcommand("report")]
    | Annotated[MeasureCommand, subcommand("measure")]
    | Annotated[PresetsCommand, subcommand("presets")]
    | Annotated[WeightsCommand, subcommand("weights")]
    | Annotated[CacheCommand, subcommand("cache")]
    | Annotated[DoctorCommand, subcommand("doctor")]
    | Annotated[DemoCommand, subcommand("demo")]
)


def main(argv: list[str] | None = None) -> None:
    """Run the command line and exit.

    Exit codes: 0 done, 1 failed, 2 wrong usage or setting, 3 unusable picture, 4 unusable weights, 5 out of memory,
    75 interrupted with the last picture saved, 130 interrupted with nothing to save.
    """
    print_anything()
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments == ["--version"]:
        print(f"jaxstyle {__version__}")
        sys.exit(0)
    debug = "--debug" in arguments
    arguments, how = _without_progress(renamed([argument for argument in arguments if argument != "--debug"]))
    handler = logging.StreamHandler()
    handler.addFilter(presentable())
    logging.basicConfig(
        format="jaxstyle: %(message)s", level=logging.INFO if debug else logging.WARNING, handlers=[handler]
    )
    if {"-h", "--help"} & {*arguments} or not arguments:
        for part in get_args(Command):
            make_plain(get_args(part)[0])
    command = _parsed(arguments or ["--help"])
    try:
        choose(how)
    except SettingError as error:
        print(f"jaxstyle: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    if not debug and os.environ.get("TF_CPP_MIN_LOG_LEVEL", "1") == "1":  # JAX itself sets 1
        # The compiled programs in our cache name tuning options. XLA takes these for processor features that are
        # missing here, and prints kilobytes of warnings each time it loads a program.
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    code = _guarded(command, debug)
    if code in (STOPPED, INTERRUPTED):
        # A compiler thread may still be at work. An ordinary exit would then crash while it tears the compiler down.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _without_progress(arguments: list[str]) -> tuple[list[str], str]:
    """Remove --quiet and --progress, which every command has; return the other arguments and how to show progress."""
    kept, how = [], "auto"
    rest = iter(arguments)
    for argument in rest:
        if argument == "--quiet":
            how = "none"
        elif argument == "--progress":
            how = next(rest, "")
        elif argument.startswith("--progress="):
            how = argument.partition("=")[2]
        else:
            kept.append(argument)
    return kept, how


def _parsed(arguments: list[str]) -> Any:
    """Parse the arguments into a command. If they are wrong, print one line that says why, and exit."""
    options: dict[str, Any] = {
        "prog": "jaxstyle",
        "description": "Neural style transfer in JAX. With every command: --quiet shows no progress,\n"
        "--progress json writes it as lines of JSON to standard error (or bar, lines),\n"
        "--debug shows tracebacks. --version prints the version.",
        "args": reordered(arguments),
        "config": (OmitArgPrefixes,),
    }
    if {"-h", "--help"} & {*arguments}:
        return tyro.cli(Command, **options)
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            return tyro.cli(Command, **options)
    except SystemExit as error:
        if error.code and (wrong := explain(Command, arguments)):
            print(f"jaxstyle: {printable(wrong)}", file=sys.stderr)
            raise
    return tyro.cli(Command, **options)


def _guarded(command: Any, debug: bool) -> int:
    """Run the command and return its exit code. An error becomes one line on standard error and an exit code."""
    try:
        check_flags()
        return command.run()
    except BrokenPipeError:  # the program that reads our output has closed it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (Exception, KeyboardInterrupt) as error:
        if debug:
            traceback.print_exc()
        code, message = _explain(error)
        print(f"jaxstyle: {printable(message)}", file=sys.stderr)
        if getattr(command, "json", False):
            print(json.dumps({"status": "failed", "error": message, "exit_code": code}))
        return code


def _explain(error: BaseException) -> tuple[int, str]:
    """The exit code and the message for an error. An error that nobody raised on purpose is a fault in jaxstyle."""
    if isinstance(error, JaxstyleError):
        return error.exit_code, str(error)
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED, "interrupted before there was a picture to save"
    if (cause := explain_jax(error)) is not None:
        return 2, cause
    if is_out_of_memory(error):
        return 5, "out of memory: use a smaller --size, or fewer --rows at a time"
    fault = "this is a fault in jaxstyle: please report it with what --debug shows"
    return 1, f"{type(error).__name__}: {error}\njaxstyle: {fault}"


if __name__ == "__main__":
    main()
