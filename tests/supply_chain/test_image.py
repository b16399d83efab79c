"""The image and the services beside it: nobody is root, nothing is writable, nothing is there that needn't be."""

import re
from typing import Any

import pytest
import yaml

from tests.supply_chain.locks import ROOT

STEPS = re.sub(
    r"\\\n\s*", " ", re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
).splitlines()
LAST = STEPS[max(place for place, step in enumerate(STEPS) if step.startswith("FROM ")) :]
SERVICES: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]


def steps(name: str, among: list[str] = STEPS) -> list[str]:
    return [step.removeprefix(f"{name} ") for step in among if step.startswith(f"{name} ")]


def test_the_base_is_a_version_and_not_whatever_is_newest() -> None:
    assert re.fullmatch(r"PYTHON=3\.\d+\.\d+-slim-\w+", " ".join(steps("ARG")))
    assert {image.partition(" ")[0] for image in steps("FROM")} == {"python:${PYTHON}"}


def test_no_compiler_and_no_installer_is_in_what_is_shipped() -> None:
    assert not re.search(r"apt-get|build-essential|gcc|curl|wget", "\n".join(STEPS))
    assert steps("COPY", LAST) == ["--from=build /opt/parley /opt/parley"]
    assert "pip --disable-pip-version-check uninstall --yes" in steps("RUN", LAST)[0]
    assert "ensurepip" in steps("RUN", LAST)[0]
    assert "venv --without-pip" in "\n".join(STEPS)


def test_only_packages_as_wheels_by_their_digests_come_in() -> None:
    installs = re.findall(r"pip (?:--\S+ \S+ )?install [^&]*-r \S+", "\n".join(STEPS))
    assert len(installs) == 2
    assert all("--only-binary :all: --require-hashes" in each for each in installs)


def test_bytecode_goes_by_no_times_of_files_and_two_builds_are_the_same() -> None:
    built = "\n".join(STEPS)
    shipped = re.findall(r"pip --python /opt/parley/bin/python install [^&]*", built)
    assert len(shipped) == 2
    assert all("--no-compile" in each for each in shipped)
    assert "compileall -q --invalidation-mode unchecked-hash /opt/parley/lib" in steps("RUN")[1].rpartition("&& ")[2]
    assert "SOURCE_DATE_EPOCH=" in " ".join(steps("ENV"))


def test_it_runs_as_a_user_without_a_name_to_log_in_by() -> None:
    assert steps("USER", LAST) == ["10001:10001"]
    assert "/usr/sbin/nologin" in steps("RUN", LAST)[0]
    after = LAST[LAST.index("USER 10001:10001") :]
    assert [step for step in after if step.startswith(("RUN", "COPY", "ADD"))] == []


def test_it_starts_without_a_shell_and_is_asked_how_it_is() -> None:
    assert steps("ENTRYPOINT", LAST) == ['["parley"]']
    assert all(step.startswith("[") for step in steps("CMD", LAST))
    assert re.search(r'HEALTHCHECK .*CMD \["python"', "\n".join(LAST))


def test_no_secret_is_built_in() -> None:
    assert not re.search(r"SECRET|PASSWORD|TOKEN", "\n".join(STEPS), re.IGNORECASE)


def test_the_build_sees_only_what_it_copies() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert ignored[1] == "*"
    seen = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    copied = {source for step in steps("COPY") if not step.startswith("--from") for source in step.split()[:-1]}
    assert seen == {source.partition("/")[0] for source in copied}
    assert all((ROOT / source).exists() for source in copied)


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_has_no_rights_that_it_does_not_need(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is True
    assert name == "api" or service["user"] == "999:999"  # the API's own image says which
    assert not service.keys() & {"privileged", "cap_add", "pid", "ipc", "network_mode", "devices"}
    assert [volume for volume in service.get("volumes", ()) if volume.startswith((".", "/"))] == []


def test_only_the_api_is_reached_from_outside_and_only_by_this_machine() -> None:
    assert {name: service["ports"] for name, service in SERVICES.items() if "ports" in service} == {
        "api": ["127.0.0.1:8000:8000"]
    }
    networks: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())["networks"]
    assert networks["stores"] == {"internal": True}
    assert {name for name, service in SERVICES.items() if "outside" in service["networks"]} == {"api"}


def test_compose_has_no_default_for_the_secret() -> None:
    assert SERVICES["api"]["environment"]["PARLEY_SECRET_KEY"].startswith("${PARLEY_SECRET_KEY:?")
