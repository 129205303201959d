"""MLflow's variables of the environment that a run does not follow, because its configuration decides."""

import os
from collections.abc import Mapping

from skinexp.config.schema import Tracking
from skinexp.tracking.store_address import shown_uri

URI, RUN = "MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID"
EXPERIMENTS = ("MLFLOW_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_ID")


def overridden(options: Tracking, environment: Mapping[str, str] = os.environ) -> str:
    """Returns a line that names MLflow's variables which say something else than the configuration.

    The credentials of a server (MLFLOW_TRACKING_USERNAME and the like) are followed.

    Returns:
        Where the run is tracked instead, and what to pass to follow a variable; an empty text if none differs.
    """
    found = []
    uri = environment.get(URI, "")
    if uri and uri != options.uri:
        found.append(f"{URI}={shown_uri(uri)} (to follow it: tracking=server)")
    for name in EXPERIMENTS:
        value = environment.get(name, "")
        if value and value != options.experiment:
            hint = f" (to follow it: tracking.experiment={value})" if name == EXPERIMENTS[0] else ""
            found.append(f"{name}={value}{hint}")
    if environment.get(RUN, ""):
        found.append(f"{RUN}={environment[RUN]} (each run is a new one)")
    if not found:
        return ""
    place = f"experiment {options.experiment} of {shown_uri(options.uri)}"
    return f"this run goes to {place}. Not used: {', '.join(found)}"
