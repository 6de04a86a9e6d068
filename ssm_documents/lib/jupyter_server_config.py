"""JupyterLab as gpudesk sets it up: on loopback, with the token of a file that only its user can read."""

from pathlib import Path

c = get_config()  # type: ignore[name-defined]  # noqa: F821  (Jupyter gives it to its configuration files)

c.ServerApp.ip = "127.0.0.1"
c.ServerApp.port = 8888
c.ServerApp.port_retries = 0  # another port would be one that no session leads to
c.ServerApp.open_browser = False
c.ServerApp.no_browser_open_file = True  # it would hold the token
c.ServerApp.root_dir = "/home/ubuntu/work"
c.ServerApp.allow_root = True  # who runs it is said in the unit, and only there
c.LabApp.news_url = None  # the notifications are for what the probe has to say, and nothing here asks the internet
c.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"
c.IdentityProvider.token = Path("/etc/gpudesk/jupyter-token").read_text(encoding="ascii").strip()
