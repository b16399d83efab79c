"""What the log says, and what it must never say."""

import json

import pytest
from graphql import GraphQLError, located_error

from api.errors import publish
from api.logs import configure_logs
from api.settings import Settings


def test_an_unexpected_error_is_logged_by_type_and_place_only(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(Settings(log_format="json", log_level="info"))
    secret = "correct horse battery staple"
    try:
        raise ValueError(f"could not use {secret}")
    except ValueError as cause:
        error = located_error(cause)
    assert isinstance(error, GraphQLError)
    publish(error)
    assert secret not in error.message
    line = capsys.readouterr().err
    assert secret not in line
    logged = json.loads(line)
    assert logged["event"] == "unexpected error"
    assert logged["exception"][-1] == "builtins.ValueError"
    assert "test_logs.py" in logged["exception"][0]


def test_each_request_has_an_id_in_its_answer_and_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(Settings(log_format="console", log_level="error"))
    assert capsys.readouterr().err == ""
