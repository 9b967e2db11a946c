"""What others may see of this process: no core file, no debugger of the same user, no rights to gain."""

from __future__ import annotations

import sys

from tui.confinement import linux

if sys.platform != "win32":  # which has none
    import resource


def hide_memory() -> None:
    """No core dump and no ptrace by others of the same user.

    The limit alone does not do: it is not looked at where core_pattern is a pipe (apport, systemd-coredump).
    Being undumpable does, and closes /proc/PID/mem as well; so maps of user namespaces are to be written before.
    """
    if sys.platform != "win32":
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if linux.IS_LINUX:
        linux.prctl(linux.PR_SET_DUMPABLE, 0)
        linux.no_new_privileges()
