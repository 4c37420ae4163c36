"""Which key a token's signature is held against, and the check itself; the only module that knows joserfc.

An algorithm is bound to a kind of key before either is touched: HS256 to the shared secret, the others to public keys
of their own kind. So a public key is never taken for a secret, and a secret never for anything else, whatever the
token's header says. Of a published key only the public numbers are taken: `alg`, `use` and `key_ops` narrow what it is
good for, and private members or a symmetric key in a public list are a mistake that makes the key count as absent.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from bot.errors import SettingsError

HS256 = "HS256"
MIN_SECRET_BYTES = 32
MIN_RSA_BITS = 2048
MIN_MODULUS = "A" * -(-MIN_RSA_BITS // 6)
"""As long as the modulus of such a key is in base64."""
MOST_KEYS = 64

Key = RSAKey | ECKey | OKPKey


@dataclass(frozen=True, kw_only=True)
class _Kind:
    """What a key must be for an algorithm."""

    kty: str
    curve: str = ""
    members: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    """The names of `alg` in a published key that allow it."""


_RSA = ("n", "e")
PUBLIC_ALGORITHMS: Mapping[str, _Kind] = {
    "RS256": _Kind(kty="RSA", members=_RSA, names=("RS256",)),
    "PS256": _Kind(kty="RSA", members=_RSA, names=("PS256",)),
    "ES256": _Kind(kty="EC", curve="P-256", members=("crv", "x", "y"), names=("ES256",)),
    # RFC 9864 gave EdDSA over Ed25519 a name of its own; issuers use either.
    "EdDSA": _Kind(kty="OKP", curve="Ed25519", members=("crv", "x"), names=("EdDSA", "Ed25519")),
    "Ed25519": _Kind(kty="OKP", curve="Ed25519", members=("crv", "x"), names=("EdDSA", "Ed25519")),
}


def check_secret(secret: bytes) -> None:
    """Raise `SettingsError` for a secret that could be guessed."""
    if len(secret) < MIN_SECRET_BYTES:
        raise SettingsError(
            f"the secret of API tokens has {len(secret)} bytes and needs at least {MIN_SECRET_BYTES}",
            hint="set BOT_JWT_SECRET to the output of `openssl rand -base64 48`",
        )


def sign(secret: bytes, signed: bytes) -> bytes:
    """The HS256 signature over these bytes."""
    return hmac.new(secret, signed, hashlib.sha256).digest()


def is_signed(secret: bytes, signed: bytes, signature: bytes) -> bool:
    """Whether the HS256 signature was made with this secret; compared in constant time."""
    return bool(secret) and hmac.compare_digest(sign(secret, signed), signature)


@dataclass(frozen=True, kw_only=True)
class PublicKey:
    """One published key that can check signatures."""

    kid: str
    kty: str
    curve: str
    alg: str
    jwk: Mapping[str, str] = field(repr=False)

    def fits(self, algorithm: str) -> bool:
        """Whether a token with this algorithm may be signed with it."""
        kind = PUBLIC_ALGORITHMS[algorithm]
        return (self.kty, self.curve) == (kind.kty, kind.curve) and (not self.alg or self.alg in kind.names)

    def has_signed(self, algorithm: str, signed: bytes, signature: bytes) -> bool:
        """Whether the signature over these bytes is this key's."""
        members = {name: self.jwk[name] for name in ("kty", *PUBLIC_ALGORITHMS[algorithm].members)}
        try:
            return JWSRegistry.algorithms[algorithm].verify(signed, signature, _import(members))
        except (JoseError, ValueError, TypeError):
            return False


def _import(members: Mapping[str, str]) -> Key:
    makers: Mapping[str, type[Key]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
    return makers[members["kty"]].import_key(dict(members))


@dataclass(frozen=True, kw_only=True)
class PublicKeys:
    """What an issuer publishes, as far as it is of use here."""

    keys: Sequence[PublicKey] = ()

    def knows(self, kid: str) -> bool:
        """Whether a key of this name is among them (no name: whether there is any)."""
        return any(not kid or key.kid == kid for key in self.keys)

    def have_signed(self, algorithm: str, kid: str, signed: bytes, signature: bytes) -> bool:
        """Whether the one key meant by name and algorithm made the signature. Without a name there must be one only."""
        if algorithm not in PUBLIC_ALGORITHMS:
            return False
        fitting = [key for key in self.keys if key.fits(algorithm) and (not kid or key.kid == kid)]
        return len(fitting) == 1 and fitting[0].has_signed(algorithm, signed, signature)


def read_keys(document: Mapping[str, Any]) -> PublicKeys:
    """The usable keys of a JWK set; what is not usable is left out, as RFC 7517 (5) asks."""
    listed = document.get("keys")
    entries = listed[:MOST_KEYS] if isinstance(listed, list) else []
    return PublicKeys(keys=tuple(key for entry in entries if (key := _usable(entry)) is not None))


def _usable(entry: object) -> PublicKey | None:
    if not isinstance(entry, dict):
        return None
    jwk = {name: value for name, value in entry.items() if isinstance(value, str)}
    operations = entry.get("key_ops")
    is_for_checking = jwk.get("use", "sig") == "sig" and (
        operations is None or (isinstance(operations, list) and "verify" in operations)
    )
    kinds = [kind for kind in PUBLIC_ALGORITHMS.values() if kind.kty == jwk.get("kty")]
    if not is_for_checking or not kinds or {"d", "k"} & entry.keys():
        return None
    members = {name: jwk.get(name, "") for name in ("kty", *kinds[0].members)}
    if len(members.get("n", MIN_MODULUS)) < len(MIN_MODULUS):
        return None  # before the library looks at it: it warns on every use
    try:
        key = _import(members)
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    if isinstance(key, RSAKey) and key.public_key.key_size < MIN_RSA_BITS:
        return None
    return PublicKey(
        kid=jwk.get("kid", ""),
        kty=jwk["kty"],
        curve=members.get("crv", ""),
        alg=jwk.get("alg", ""),
        jwk=members,
    )
