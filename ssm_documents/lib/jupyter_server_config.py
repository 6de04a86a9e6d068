"""Configuration of JupyterLab: on loopback, with the token of a file that only the user ubuntu can read."""

from pathlib import Path

c = get_config()  # type: ignore[name-defined]  # noqa: F821 - defined by Jupyter

c.ServerApp.ip = "127.0.0.1"
c.ServerApp.port = 8888
c.ServerApp.port_retries = 0  # sessions lead to this port only
c.ServerApp.open_browser = False
c.ServerApp.no_browser_open_file = True  # the file would contain the token
c.ServerApp.root_dir = "/home/ubuntu/work"
c.ServerApp.allow_root = True  # the unit sets the user
c.LabApp.news_url = None  # only the probe shows notifications; nothing is fetched from the internet
c.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"
c.IdentityProvider.token = Path("/etc/gpudesk/jupyter-token").read_text(encoding="ascii").strip()
