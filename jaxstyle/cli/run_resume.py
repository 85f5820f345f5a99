"""What `jaxstyle resume` does: go on with an interrupted run from the state file beside its picture."""

from typing import TYPE_CHECKING

from jaxstyle.cli.recorded import check_asked, find_pictures, make_again, settings_of
from jaxstyle.cli.state import ended, state_beside
from jaxstyle.errors import SettingError
from jaxstyle.files import refuse_overwriting
from jaxstyle.image import check_target
from jaxstyle.runtime.compile_cache import keep_programs

if TYPE_CHECKING:
    from jaxstyle.cli.resume import ResumeCommand


def run_resume(options: "ResumeCommand") -> int:
    """Go on with the run, save its result over the interrupted one, and return the exit code."""
    keep_programs()
    path, state = options.result, state_beside(options.result)
    settings = settings_of(path)
    if settings.get("status") != "stopped":
        raise SettingError(f"{path}: was not interrupted, so there is nothing to go on with")
    if not state.is_file():
        raise SettingError(
            f"{path}: its state is not beside it as {state.name}; `jaxstyle stylize --keep-state` keeps it. "
            f"`jaxstyle stylize ... --init {path}` begins a new run from the picture"
        )
    check_target(path)
    check_asked(options, settings)
    content, styles = find_pictures(options, settings)
    refuse_overwriting(path, [content, *styles, options.init, options.model], "RESULT")
    result = make_again(options, settings, content, styles, resume=state)
    print(result.save(path))
    if result.reached is None:
        state.unlink(missing_ok=True)
    return ended(result, path, keep=True)
