"""Secrets written out are found by their shape or their place, and ordinary values are left alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.actions.registry import input_models
from bot.catalog.lint_secrets import _TELLTALES, _TOKEN_SHAPES, lint_plain_text
from bot.catalog.loader import check
from bot.catalog.reading import parse_document
from bot.catalog.source import Document

# Put together here, so that no scanner takes this file for a leak.
CHANCE = "q7Rz2Kp9" + "Xw4Tn8Vb" + "3Lm6"
SECRETS = {
    "aws": {"command": "aws --id AKIA" + "ABCDEFGH12345678"},
    "slack": {"body": {"text": "xoxb-" + "1234567890-abcdef"}},
    "github": {"url": "https://api.acme.example/?t=ghp_" + "a1B2c3D4e5" * 3},
    "google": {"headers": {"X-Goog": "AIza" + "SyA-1234567890abcdefghijklmnopqrstu"}},
    "stripe": {"body": ["sk_live_" + "abcdefgh12345678"]},
    "slack hook": {"url": "https://hooks.slack.com/services/T" + "0AAAA/B0BBBB/" + "abcdEFGH12345678"},
    "user and password": {"url": "https://admin:" + "hunter2hunter@db.acme.example/"},
    "private key": {"body": "-----BEGIN RSA PRIVATE " + "KEY-----"},
    "bearer": {"headers": {"Authorization": "Bearer " + CHANCE}},
    "header of chance": {"headers": {"X-Acme-Session": CHANCE}},
    "assigned": {"command": "PGPASSWORD=" + "correcthorse psql"},
    "option": {"command": "mysql --password " + "correcthorse"},
    "curl": {"command": "curl -u admin:" + "correcthorse https://x"},
    "key tells": {"body": {"api_key": "plainword8"}},
    "param's default": {"params": {"db_password": {"default": "plainword8"}}},
}
INNOCENT = {
    "a name for one": {"headers": {"Authorization": "Bearer $FLAGS_TOKEN", "X-Api-Key": "${API_KEY}"}},
    "a placeholder": {"body": {"token": "{{ params.token }}"}},
    "a digest": {"digest": "a3f5" * 16},
    "a trace": {"headers": {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}},
    "a uuid": {"headers": {"X-Tenant": "123e4567-e89b-42d3-a456-426614174000"}},
    "a type": {"headers": {"Content-Type": "application/vnd.acme.v2+json; charset=utf-8"}},
    "a path": {"headers": {"X-Origin": "/srv/releases/2024-11-02/payments-api"}},
    "a date": {"headers": {"X-Since": "2024-11-02T10:20:30.123456+00:00"}},
    "a long word": {"headers": {"X-Feature": "new-checkout-with-instant-refunds"}},
    "a sentence": {"message": "Ask for the token at the front desk; the password is in the safe."},
    "a command": {"command": "vault token renew && kubectl get secret --namespace payments"},
    "a variable": {"command": 'mysql --password "$MYSQL_PWD" -u admin'},
    "a file": {"command": "curl --header @/etc/acme/token --token-file=/etc/acme/token https://x"},
    "an image": {"body": {"image": "registry.acme.example/payments@sha256:" + "9f86d081884c7d65" * 4}},
    "secrets of catalog.yaml": {"secrets": {"FLAGS_TOKEN": ["flags.acme.example"]}},
}


def found(data: object) -> list[str]:
    document = Document(path="a.json")
    parse_document(document, json.dumps(data).encode())
    lint_plain_text(document)
    return [problem.code for problem in document.problems]


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_in_plain_text_is_found(name: str) -> None:
    assert found({"steps": [SECRETS[name]]}) == ["RB053"]


@pytest.mark.parametrize("name", INNOCENT)
def test_what_is_no_secret_is_left_alone(name: str) -> None:
    assert found(INNOCENT[name]) == []


TOKEN = "ghp_" + "a1B2c3D4e5" * 3


def test_a_token_in_a_comment_is_found_at_its_place() -> None:
    document = Document(path="a.yaml")
    parse_document(document, f"name: a # was {TOKEN}\n".encode())
    lint_plain_text(document)
    assert [(one.code, one.line, one.column) for one in document.problems] == [("RB053", 1, 15)]


def test_a_token_in_a_value_is_told_once() -> None:
    document = Document(path="a.yaml")
    parse_document(document, f"text: |\n  one\n  {TOKEN}\n".encode())
    lint_plain_text(document)
    assert [(one.code, one.line) for one in document.problems] == [("RB053", 1)]


def test_a_token_in_a_python_action_is_found(tmp_path: Path) -> None:
    (tmp_path / "actions").mkdir()
    (tmp_path / "catalog.yaml").write_text(
        "environments: {prod: {approvers: [U0DANA01]}}\n", encoding="utf-8"
    )
    (tmp_path / "actions" / "cache.py").write_text(f'KEY = "{TOKEN}"\n', encoding="utf-8")
    found = check(tmp_path, input_models())
    assert [(Path(one.path).name, one.code, one.line) for one in found.warnings] == [("cache.py", "RB053", 1)]


@given(text=st.from_regex(_TOKEN_SHAPES))
def test_looking_for_signs_first_misses_no_shape(text: str) -> None:
    assert any(sign in text for sign in _TELLTALES)
