"""A JupyterHub for a class on one machine: `jupyterhub -f classroom/jupyterhub_config.py`.

Each learner is a user of the machine who has cloned the course into `scaletoolkit/` in their home,
and has `my/` there. Nothing here limits memory or cores: classroom/sizes.md says what a class
needs. Who may log in, and how, is yours to say: the two lines at the end are the ones to look at
first.
"""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CLASS = os.environ.get("SCALETOOLKIT_CLASS", "/srv/scaletoolkit")  # data and turns of the class

c = get_config()  # noqa: F821 - JupyterHub calls this file with it

c.JupyterHub.bind_url = os.environ.get("SCALETOOLKIT_HUB", "http://127.0.0.1:8000")
c.JupyterHub.hub_ip = "127.0.0.1"
c.JupyterHub.concurrent_spawn_limit = 10  # the whole room clicks at once
c.JupyterHub.cleanup_servers = True

c.Spawner.cmd = [str(Path(sys.executable).with_name("jupyterhub-singleuser"))]
c.Spawner.default_url = "/lab"
c.Spawner.start_timeout = 180  # 30 s, the default, was not enough when all start at once
c.Spawner.http_timeout = 120
c.Spawner.environment = {
    "SCALETOOLKIT_DATA": f"{CLASS}/data",  # made once by `python -m scaletoolkit prepare`
    # the package is the teacher's, the records are not
    "SCALETOOLKIT_RECORDS": "~/scaletoolkit/my/records",
    "SCALETOOLKIT_TURNS": f"{CLASS}/turns",  # one measures at a time: mkdir -m 1777
    "OMP_NUM_THREADS": "2",
}
# A learner who closed the window is not there any more: their server ends after an hour.
c.Spawner.args = [
    "--ServerApp.shutdown_no_activity_timeout=3600",
    "--MappingKernelManager.cull_idle_timeout=3600",
    "--LabApp.news_url=None",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
]

c.Authenticator.allow_all = False  # name who may come in: an empty list lets nobody in
c.Authenticator.allowed_users = set(filter(None, os.environ.get("CLASS_USERS", "").split(",")))
