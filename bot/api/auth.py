"""Who calls the API: JSON Web Tokens, signed with one shared secret or by an issuer that publishes its keys.

What is refused, and why it is refused here instead of left to a library:
- any algorithm but HS256 with the secret and RS256, PS256, ES256, EdDSA with published keys; each is bound to its own
  kind of key (`keys`), so `none` and a public key used as a secret are nobody's;
- header names besides `alg`, `typ`, `kid`: `jwk`, `jku`, `x5u`, `crit`, `b64`, `zip` change what is checked, or fetch;
- sloppy encodings (padding, white space, trailing bits, a key twice), so that one token has one spelling;
- tokens over 8 KiB, before any work is done on them;
- secrets under 32 bytes: an HS256 secret that can be guessed is a password in every token.
`iss`, `aud`, `exp` and `sub` must be there. Before the signature is checked every refusal reads the same.

Roles: `viewer` reads, `operator` starts and cancels, `approver` decides; both of these read too, and neither is the
other. `teams` says whose objects a token sees: those of the teams it names, all of them with `"*"`, and always those
that belong to no team. A token without `teams` sees no team's objects: what was forgotten must not open everything.
"""

from __future__ import annotations

import binascii
import json
import math
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from bot.api.keys import HS256, PUBLIC_ALGORITHMS, check_secret, is_signed, sign
from bot.api.published import PublishedKeys
from bot.errors import BadInput, NotPermitted, SettingsError
from bot.intake.foreign import load_object
from bot.runs.events import Actor

MAX_TOKEN_CHARS = 8192
LEEWAY_S = 30
VIEWER, OPERATOR, APPROVER = "viewer", "operator", "approver"
ROLES = (VIEWER, OPERATOR, APPROVER)
EVERY_TEAM = "*"

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
    issuer: str = ""
    roles: frozenset[str]
    teams: frozenset[str] = frozenset()
    email: str = ""
    name: str = ""

    @property
    def actor(self) -> Actor:
        """The caller as events name them: one person per email, whatever account."""
        person = self.email.lower() or f"api:{self.subject}"
        return Actor(kind="api", id=f"api:{self.subject}", person=person, name=self.name or self.subject)

    def require(self, role: str) -> None:
        """Raise `NotPermitted` unless the caller has the role; whoever may act may also read."""
        if role not in self.roles and not (role == VIEWER and self.roles & set(ROLES)):
            raise NotPermitted(
                f"this needs the role {role!r}, and the token does not carry it",
                hint=f"mint a token with the role {role!r}",
            )

    def sees(self, team: str) -> bool:
        """Whether objects of this team ("" for none) are there for the caller."""
        return not team or team in self.teams or EVERY_TEAM in self.teams

    @property
    def tenants(self) -> tuple[str, ...] | None:
        """The teams to read for, "" among them; None for all."""
        return None if EVERY_TEAM in self.teams else ("", *sorted(self.teams))


@dataclass(frozen=True, kw_only=True)
class TokenCheck:
    """Checks bearer tokens for one issuer and audience, against a secret, published keys, or both."""

    secret: bytes = field(default=b"", repr=False)
    issuer: str
    audience: str
    published: PublishedKeys | None = None
    leeway_s: int = LEEWAY_S

    def __post_init__(self) -> None:
        """Refuse what would make every token worthless."""
        if self.secret or self.published is None:
            check_secret(self.secret)
        if not self.issuer or not self.audience:
            raise SettingsError(
                "the issuer and the audience of API tokens must be set",
                hint="set BOT_JWT_ISSUER and BOT_JWT_AUDIENCE",
            )

    async def caller(self, authorization: str, *, now: datetime) -> ApiCaller:
        """Who the `Authorization` header names; `Unauthenticated` for anything that is not a good token."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated("this needs a bearer token", hint="send `Authorization: Bearer <token>`")
        claims = await self._claims(token)
        return _caller(claims, issuer=self.issuer, audience=self.audience, now=now, leeway_s=self.leeway_s)

    async def _claims(self, token: str) -> dict[str, Any]:
        """The signed claims. One sentence for everything that is wrong, so that guessing learns nothing."""
        refused = Unauthenticated("the bearer token was not accepted", hint="mint a new one for this server")
        if len(token) > MAX_TOKEN_CHARS:
            raise refused
        try:
            header, claims, signature = _spelled(token)
        except (BadInput, ValueError) as error:
            raise refused from error
        if not await self._is_signed(header, token.rpartition(".")[0].encode(), signature):
            raise refused
        return claims

    async def _is_signed(self, header: dict[str, Any], signed: bytes, signature: bytes) -> bool:
        kid, algorithm = header.get("kid", ""), header.get("alg")
        if not set(header) <= _HEADER_NAMES or not isinstance(kid, str) or len(kid) > 200:
            return False
        if header.get("typ", "JWT") not in ("JWT", "at+jwt"):
            return False
        if algorithm == HS256:
            return is_signed(self.secret, signed, signature)
        if self.published is None or not isinstance(algorithm, str) or algorithm not in PUBLIC_ALGORITHMS:
            return False
        keys = await self.published.for_name(kid)
        return keys.have_signed(algorithm, kid, signed, signature)


def mint(
    secret: bytes,
    *,
    issuer: str,
    audience: str,
    subject: str,
    now: datetime,
    lifetime: timedelta,
    roles: Sequence[str] = (OPERATOR,),
    teams: Sequence[str] = (),
    email: str = "",
    name: str = "",
) -> str:
    """A token that a `TokenCheck` with the same secret, issuer and audience accepts until it expires."""
    check_secret(secret)
    issued_at = int(now.timestamp())
    claims: dict[str, Any] = {
        "iss": issuer,
        "aud": audience,
        "sub": subject,
        "iat": issued_at,
        "exp": issued_at + int(lifetime.total_seconds()),
        "roles": list(roles),
    }
    claims |= {key: value for key, value in (("email", email), ("name", name)) if value}
    claims |= {"teams": list(teams)} if teams else {}
    parts = (
        json.dumps(part, separators=(",", ":")).encode() for part in ({"alg": HS256, "typ": "JWT"}, claims)
    )
    signed = ".".join(_encoded(part) for part in parts)
    return f"{signed}.{_encoded(sign(secret, signed.encode()))}"


def _encoded(plain: bytes) -> str:
    return urlsafe_b64encode(plain).rstrip(b"=").decode("ascii")


def _spelled(token: str) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    """Header, claims and signature of a token in its one canonical spelling; `BadInput` for any other."""
    parts = token.split(".")
    if len(parts) != 3:
        raise BadInput("not a token")
    header, claims, signature = (_decoded(part) for part in parts)
    return load_object(header), load_object(claims), signature


def _decoded(part: str) -> bytes:
    if not _PART.fullmatch(part):
        raise BadInput("not a token")
    try:
        plain = urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except (binascii.Error, ValueError) as error:
        raise BadInput("not a token") from error
    if _encoded(plain) != part:
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
    subject, email, name = _words(claims)
    return ApiCaller(
        subject=subject,
        issuer=issuer,
        roles=_names(claims, "roles"),
        teams=_names(claims, "teams"),
        email=email.lower(),
        name=name,
    )


def check_words(*, subject: str, email: str, name: str) -> None:
    """Raise `BadInput` for what no `TokenCheck` would take, before a token is minted with it."""
    try:
        _words({"sub": subject, "email": email, "name": name})
    except Unauthenticated as refused:
        raise BadInput(f"no bot would take it: {refused.message}", hint=refused.hint) from refused


def _words(claims: dict[str, Any]) -> tuple[str, str, str]:
    """Subject, email and name."""
    subject = _text(claims, "sub", limit=200)
    if not subject:
        raise Unauthenticated("the token names no subject", hint="mint one with a subject")
    email = _text(claims, "email", limit=255)
    if email and not _EMAIL.fullmatch(email):
        raise Unauthenticated("the token's email is none", hint="mint one with an email, or without")
    return subject, email, _text(claims, "name", limit=200)


def _names(claims: dict[str, Any], name: str) -> frozenset[str]:
    listed = claims.get(name, [])
    if not isinstance(listed, list) or len(listed) > 32 or not all(isinstance(one, str) for one in listed):
        raise Unauthenticated(f"the token's `{name}` are no list of names", hint="mint a new one")
    return frozenset(listed)


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
