"""Who calls the API: JSON Web Tokens, HS256 with one shared secret, and nothing else.

What is refused, and why it is refused here instead of left to the library:
- any algorithm but HS256, so `none`, a public key used as a secret, and stronger-sounding ones alike;
- header names besides `alg`, `typ`, `kid`: `jwk`, `jku`, `x5u`, `crit`, `b64`, `zip` change what is checked, or fetch;
- sloppy encodings (padding, white space, trailing bits, a key twice), so that one token has one spelling;
- tokens over 8 KiB, before any work is done on them;
- secrets under 32 bytes: an HS256 secret that can be guessed is a password in every token.
`iss`, `aud`, `exp` and `sub` must be there. Before the signature is checked every refusal reads the same.
"""

from __future__ import annotations

import binascii
import math
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from bot.errors import BadInput, NotPermitted, SettingsError
from bot.intake.foreign import load_object
from bot.runs.events import Actor

MIN_SECRET_BYTES = 32
MAX_TOKEN_CHARS = 8192
LEEWAY_S = 30
VIEWER, OPERATOR, ADMIN = "viewer", "operator", "admin"

_ALGORITHM = "HS256"
_HEADER_NAMES = frozenset({"alg", "typ", "kid"})
_PART = re.compile(r"[A-Za-z0-9_-]+")
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,190}")


class Unauthenticated(NotPermitted):
    """Nobody knows who this is; the API answers 401."""

    code = "unauthenticated"


@dataclass(frozen=True, kw_only=True)
class ApiCaller:
    """Who a token says is calling, after everything was checked."""

    subject: str
    roles: frozenset[str]
    email: str = ""
    name: str = ""

    @property
    def actor(self) -> Actor:
        """The caller as events name them: one person per email, whatever account."""
        person = self.email.lower() or f"api:{self.subject}"
        return Actor(kind="api", id=self.subject, person=person, name=self.name)

    def require(self, role: str) -> None:
        """Raise `NotPermitted` unless the caller has the role (an admin has all of them)."""
        if role not in self.roles and ADMIN not in self.roles:
            raise NotPermitted(
                f"this needs the role {role!r}, and the token does not carry it",
                hint=f"mint a token with the role {role!r}",
            )


@dataclass(frozen=True, kw_only=True)
class TokenCheck:
    """Checks bearer tokens against one secret, issuer and audience."""

    secret: bytes = field(repr=False)
    issuer: str
    audience: str
    leeway_s: int = LEEWAY_S

    def __post_init__(self) -> None:
        """Refuse what would make every token worthless."""
        _check_secret(self.secret)
        if not self.issuer or not self.audience:
            raise SettingsError(
                "the issuer and the audience of API tokens must be set",
                hint="set BOT_JWT_ISSUER and BOT_JWT_AUDIENCE",
            )

    def caller(self, authorization: str, *, now: datetime) -> ApiCaller:
        """Who the `Authorization` header names; `Unauthenticated` for anything that is not a good token."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated("this needs a bearer token", hint="send `Authorization: Bearer <token>`")
        return _caller(
            self._claims(token), issuer=self.issuer, audience=self.audience, now=now, leeway_s=self.leeway_s
        )

    def _claims(self, token: str) -> dict[str, Any]:
        """The signed claims. One sentence for everything that is wrong, so that guessing learns nothing."""
        refused = Unauthenticated("the bearer token was not accepted", hint="mint a new one for this server")
        if len(token) > MAX_TOKEN_CHARS:
            raise refused
        try:
            header, claims = _spelled(token)
            if header.get("alg") != _ALGORITHM or not set(header) <= _HEADER_NAMES:
                raise refused
            if header.get("typ", "JWT") not in {"JWT", "at+jwt"} or not isinstance(
                header.get("kid", ""), str
            ):
                raise refused
            jwt.decode(token, OctKey.import_key(self.secret), algorithms=[_ALGORITHM])
        except (JoseError, BadInput, ValueError, TypeError, KeyError) as error:
            raise refused from error
        return claims


def mint(
    secret: bytes,
    *,
    issuer: str,
    audience: str,
    subject: str,
    now: datetime,
    lifetime: timedelta,
    roles: Sequence[str] = (OPERATOR,),
    email: str = "",
    name: str = "",
) -> str:
    """A token that a `TokenCheck` with the same secret, issuer and audience accepts until it expires."""
    _check_secret(secret)
    issued_at = int(now.timestamp())
    claims: dict[str, Any] = {
        "iss": issuer,
        "aud": audience,
        "sub": subject,
        "iat": issued_at,
        "exp": issued_at + int(lifetime.total_seconds()),
        "roles": list(roles),
    }
    claims.update({key: value for key, value in (("email", email), ("name", name)) if value})
    return jwt.encode({"alg": _ALGORITHM}, claims, OctKey.import_key(secret), algorithms=[_ALGORITHM])


def _check_secret(secret: bytes) -> None:
    if len(secret) < MIN_SECRET_BYTES:
        raise SettingsError(
            f"the secret of API tokens has {len(secret)} bytes and needs at least {MIN_SECRET_BYTES}",
            hint="set BOT_JWT_SECRET to the output of `openssl rand -base64 48`",
        )


def _spelled(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of a token in its one canonical spelling; `BadInput` for any other."""
    parts = token.split(".")
    if len(parts) != 3:
        raise BadInput("not a token")
    header, claims, _signature = (_decoded(part) for part in parts)
    return load_object(header), load_object(claims)


def _decoded(part: str) -> bytes:
    if not _PART.fullmatch(part):
        raise BadInput("not a token")
    try:
        plain = urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except (binascii.Error, ValueError) as error:
        raise BadInput("not a token") from error
    if urlsafe_b64encode(plain).rstrip(b"=").decode("ascii") != part:
        raise BadInput("not a token")
    return plain


def _caller(claims: dict[str, Any], *, issuer: str, audience: str, now: datetime, leeway_s: int) -> ApiCaller:
    """The caller that signed claims name, each claim of the right type and in force now."""
    if claims.get("iss") != issuer:
        raise Unauthenticated("the token is from another issuer", hint="mint one for this server")
    named = claims.get("aud")
    audiences = named if isinstance(named, list) else [named]
    if not all(isinstance(one, str) for one in audiences) or audience not in audiences:
        raise Unauthenticated("the token is for another audience", hint="mint one for this server")
    _check_times(claims, now=now.timestamp(), leeway_s=leeway_s)
    subject = _text(claims, "sub", limit=200)
    if not subject:
        raise Unauthenticated("the token names no subject", hint="mint one with a subject")
    roles = claims.get("roles", [])
    if not isinstance(roles, list) or len(roles) > 32 or not all(isinstance(role, str) for role in roles):
        raise Unauthenticated("the token's roles are no list of names", hint="mint a new one")
    email = _text(claims, "email", limit=255)
    if email and not _EMAIL.fullmatch(email):
        raise Unauthenticated("the token's email is none", hint="mint one with an email, or without")
    return ApiCaller(
        subject=subject, roles=frozenset(roles), email=email, name=_text(claims, "name", limit=200)
    )


def _check_times(claims: dict[str, Any], *, now: float, leeway_s: int) -> None:
    expires_at, not_before, issued_at = (_time(claims, name) for name in ("exp", "nbf", "iat"))
    if expires_at is None:
        raise Unauthenticated("the token never expires", hint="mint one with an expiry")
    if expires_at <= now - leeway_s:
        raise Unauthenticated("the token has expired", hint="mint a new one")
    if any(one is not None and one > now + leeway_s for one in (not_before, issued_at)):
        raise Unauthenticated("the token is not valid yet", hint="check the clocks, or mint a new one")


def _time(claims: dict[str, Any], name: str) -> float | None:
    """A NumericDate, None where absent; anything that is no plain number of seconds is refused."""
    if name not in claims:
        return None
    value = claims[name]
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or abs(value) > 1e11
        or math.isnan(value)
    ):
        raise Unauthenticated(f"the token's `{name}` is no time", hint="mint a new one")
    return float(value)


def _text(claims: dict[str, Any], name: str, *, limit: int) -> str:
    value = claims.get(name, "")
    if not isinstance(value, str) or len(value) > limit or not value.isprintable():
        raise Unauthenticated(f"the token's `{name}` is no plain text", hint="mint a new one")
    return value
