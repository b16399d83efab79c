"""Attacks on the header: which algorithm, which key, which kind of token."""

from typing import Final

from tests.permissions.authn.forgery import MISSING, Attacks, Json, b64, shown, unsigned, with_header

NAMES: Final = ("HS256", "HS512", "RS256", "RS512", "PS256", "ES256", "ES384", "ES256K", "EdDSA", "Ed25519", "Ed448")


def algorithms(own: str) -> Attacks:
    spelled = (
        "none",
        "None",
        "NONE",
        "nOnE",
        "none ",
        " none",
        "\u2009none",
        "",
        own.swapcase(),
        f"{own} ",
        f"{own}\0",
    )
    for name in (*spelled, *(each for each in NAMES if each != own)):
        yield f"alg {name!r}", with_header(alg=name)
        yield f"alg {name!r}, no signature", unsigned(name)
    for value in (None, 0, 1, True, 1.5, [own], {own: 1}, [], MISSING):
        yield f"alg {shown(value)}", with_header(alg=value)


def headers() -> Attacks:
    paths = ("../../../etc/passwd", "..\\..\\windows\\win.ini", "/dev/null", "file:///dev/null", "%2e%2e%2fkeys")
    code = ("' OR 1=1 --", '" || "1"=="1', "$where", "{$ne:null}", "| cat /etc/passwd", "a\r\nb", "\x00")
    for kid in ("unknown", "", "a" * 65, "a" * 5000, "\ud800", "é", "\u212a", *paths, *code):
        yield f"kid {shown(kid)}", with_header(kid=kid)
    for value in (None, 7, True, 1.5, [], {}, {"$ne": ""}, MISSING):
        yield f"kid {shown(value)}", with_header(kid=value)
    yield "kid in a list", lambda forger: forger.token(forger.header(kid=[forger.keys.signer().kid]))
    yield "kid with a blank", lambda forger: forger.token(forger.header(kid=forger.keys.signer().kid + " "))
    yield "kid in other case", lambda forger: forger.token(forger.header(kid=forger.keys.signer().kid.swapcase()))
    yield "kid of a key that is gone", lambda forger: forger.token(forger.header(kid=forger.keys.vault.new_id()))
    others = ("JWT", "jwt", "AT+JWT", "application/at+jwt", "refresh+jwt", "id_token+jwt", "logout+jwt", "dpop+jwt")
    for typ in (*others, "JOSE", "at+jwt ", "", None, 1, ["at+jwt"], MISSING):
        yield f"typ {shown(typ)}", with_header(typ=typ)
    extras: Json = {
        "crit": ["b64"],
        "b64": False,
        "jku": "https://evil.example/keys",
        "x5u": "https://evil.example/cert",
        "jwk": {"kty": "OKP"},
        "x5c": ["AAAA"],
        "x5t": "AAAA",
        "x5t#S256": "AAAA",
        "epk": {},
        "zip": "DEF",
        "cty": "JWT",
        "exp": 1,
        "enc": "A256GCM",
    }
    for name, value in extras.items():
        yield f"header {name}", with_header(**{name: value})
    yield "another key under our kid", lambda forger: forger.other_key()
    brought = {"kty": "OKP", "crv": "Ed25519", "x": b64(bytes(32))}
    yield "another key brought along", lambda forger: forger.other_key(forger.header(jwk=brought))
    yield "crit empty", with_header(crit=[])
    yield "unencoded payload, and crit says so", with_header(crit=["b64"], b64=False)
    yield "a header in capitals", lambda forger: forger.token({**forger.header(typ=MISSING), "TYP": "at+jwt"})
