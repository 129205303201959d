"""The password of the tracking store in a configuration that Hydra composed, before Hydra writes it into files."""

from omegaconf import DictConfig, OmegaConf, flag_override

from skinexp.core.credentials import hidden, keep_password


def take_password(config: DictConfig) -> None:
    """Moves a password in `tracking.uri`, as from a file of `--config-dir`, into the environment of this process."""
    address = OmegaConf.to_container(config.tracking, resolve=False)["uri"]  # type: ignore[call-overload, index]
    if isinstance(address, str) and hidden(address) != address:
        with flag_override(config, ["readonly", "struct"], [False, False]):
            config.tracking.uri = keep_password(address)
