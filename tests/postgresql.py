"""A PostgreSQL server on loopback, for as long as a block runs."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from contextlib import contextmanager
from glob import glob
from pathlib import Path


@contextmanager
def run_server(fsync="off"):
    """Give the URL of the database of a new server; it ends with the block."""
    folder = Path(tempfile.mkdtemp(prefix="skdl-postgresql-"))
    # PostgreSQL refuses to run as root.
    user = "postgres" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
    shutil.chown(folder, user)
    data, log = folder / "data", folder / "log"
    port = _free_port()
    settings = ("--auth=trust", "--no-sync", "--locale=C", "--encoding=UTF8")
    _run(user, "initdb", "-D", data, "-U", "skdl", *settings)
    options = (
        f"-c listen_addresses=127.0.0.1 -c port={port} -c fsync={fsync} -k {folder}"
    )
    _run(user, "pg_ctl", "start", "-w", "-D", data, "-l", log, "-o", options)
    try:
        yield f"postgresql+psycopg://skdl@127.0.0.1:{port}/postgres"
    finally:
        _run(user, "pg_ctl", "stop", "-m", "immediate", "-D", data)
        shutil.rmtree(folder)


def _run(user, program, *arguments):
    command = [_find(program), *map(str, arguments)]
    found = subprocess.run(
        command,
        user=user if os.getuid() == 0 else None,
        cwd="/",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if found.returncode:
        raise RuntimeError(f"{' '.join(command)} failed: {found.stderr}")


def is_installed():
    """Return whether there is a server to run."""
    return _look_for("initdb") is not None


def _find(program):
    found = _look_for(program)
    if found is None:
        raise RuntimeError(f"There is no {program}: run `make services` first.")
    return found


def _look_for(program):
    places = sorted(glob(f"/usr/lib/postgresql/*/bin/{program}"))
    return places[-1] if places else shutil.which(program)


def _free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]
