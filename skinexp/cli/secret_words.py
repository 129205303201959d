"""Secrets on the command line: the password of the tracking store is taken out of the words, all others are refused.

Hydra writes the words of a command into several files, and a run into some more.
"""

import re
from collections.abc import MutableMapping, Sequence

from skinexp.core.credentials import STORE, hidden, keep_password
from skinexp.core.errors import UserError

STORE_WORD = re.compile(r"\+{0,2}tracking\.uri=")
SET_FOR_JOBS = re.compile(r"\+*hydra\.job\.env_(?P<how>set|copy)\b(?P<rest>.*)", re.DOTALL)
SECRET_NAME = re.compile(r"TOKEN|SECRET|PASSW|ACCESS_KEY|API_KEY|CREDENTIAL", re.IGNORECASE)


def without_secrets(words: Sequence[str], environment: MutableMapping[str, str]) -> list[str]:
    """Returns the words of a command without the password of the store, which goes into the environment.

    The address in MLFLOW_TRACKING_URI loses its password as well.

    Args:
        words: as they are typed behind a command.
        environment: of this process.

    Raises:
        UserError: if another word has a password or a token, or sets a variable that is called like one.
    """
    if address := environment.get(STORE):
        environment[STORE] = keep_password(address, environment)
    return [_without_secret(word, environment) for word in words]


def _without_secret(word: str, environment: MutableMapping[str, str]) -> str:
    if STORE_WORD.match(word):
        return keep_password(word, environment)
    job = SET_FOR_JOBS.match(word)
    if job and SECRET_NAME.search(job["rest"]):
        raise UserError(
            f"hydra.job.env_{job['how']}: Hydra writes the variables of jobs into files of the run. Set a password or "
            "a token in the shell, before the command: jobs have the variables of the command"
        )
    if hidden(word) != word:
        raise UserError(
            f"{hidden(word)}: has a password or a token, which would be in files of the run. Set it in the environment "
            "before the command, for example HF_TOKEN or AWS_SECRET_ACCESS_KEY, and leave it out here"
        )
    return word
