"""Attacks on the text of a token: its size, its JSON, its base64, its signature."""

import json
from collections.abc import Callable
from functools import partial

from beanie import PydanticObjectId

from permissions.authn.principal import Principal, new_id
from permissions.authn.refresh import RefreshTokens
from tests.permissions.authn.forgery import (
    MISSING,
    Attacks,
    Forger,
    Json,
    b64,
    changed,
    packed,
    raw_header,
    raw_payload,
    text,
    with_claims,
    with_header,
)


def texts() -> Attacks:
    raw: dict[str, bytes] = {
        "null": b"null",
        "number": b"1",
        "list": b"[]",
        "no JSON": b"{",
        "empty": b"",
        "UTF-16": json.dumps({"sub": "x"}).encode("utf-16"),
        "a byte order mark": b"\xef\xbb\xbf{}",
        "broken UTF-8": b'{"sub":"\xff"}',
        "deep": b"[" * 4000,
        "a long number": b'{"exp":' + b"9" * 5000 + b"}",
        "NaN": b'{"exp":NaN}',
        "Infinity": b'{"exp":Infinity}',
        "huge exponent": b'{"exp":1e999}',
    }
    for name, octets in raw.items():
        yield f"payload is {name}", raw_payload(octets)
        yield f"header is {name}", raw_header(octets)
    yield "claim twice", lambda forger: raw_payload(_twice(forger.claims(), "sub"))(forger)
    yield "header twice", lambda forger: raw_header(_twice(forger.header(), "alg"))(forger)
    odd = ("", ".", "..", "...", "a.b.c", "a.b", "a.b.c.d", " ", "\x00", "é.é.é", "\ud800", "Bearer", "=.=.=")
    for value in odd:
        yield f"text {value!r}", text(value)
    yield "8 KB and more", with_claims(padding="x" * 9000)
    yield "8 KB and more of signature", changed(lambda token: token + "A" * 8192)
    yield "8 KB and more of header", with_header(kid="a" * 9000)
    yield "a refresh token", lambda _: RefreshTokens("any secret").issue(Principal(PydanticObjectId(), new_id()))
    yield "a refresh token's claims", with_claims(token_use="refresh", aud=MISSING)
    yield "an ID token", lambda forger: forger.token(forger.header(typ="JWT"), forger.claims(nonce="n", at_hash="h"))
    yield "a megabyte", text("a" * 1_000_000)
    yield "a megabyte of dots", text("." * 1_000_000)
    yield "JSON serialisation", changed(_json_serialised)
    yield "encrypted form", changed(lambda token: token + ".AAAA.AAAA")
    yield "encrypted, with a key of five parts", text(f"{packed({'alg': 'dir', 'enc': 'A256GCM'})}..AAAA.AAAA.AAAA")
    yield "a token in a token", lambda forger: forger.signed(packed(forger.header()), b64(forger.token().encode()))
    yield (
        "a token in a token, and cty says so",
        lambda forger: forger.signed(packed(forger.header(cty="JWT")), b64(forger.token().encode())),
    )
    yield "two tokens", lambda forger: f"{forger.token()} {forger.token()}"
    yield "two tokens and a comma", lambda forger: f"{forger.token()},{forger.token()}"
    yield "quoted", changed(lambda token: f'"{token}"')
    yield "percent-encoded dots", changed(lambda token: token.replace(".", "%2E"))
    yield "full-width dots", changed(lambda token: token.replace(".", "\uff0e"))
    yield "a zero-width blank", changed(lambda token: token[:10] + "\u200b" + token[10:])
    yield "a byte order mark before it", changed(lambda token: "\ufeff" + token)
    yield "a tab in it", changed(lambda token: token[:10] + "\t" + token[10:])
    yield "a line break in it", changed(lambda token: token[:10] + "\r\n" + token[10:])
    yield "a NUL after it", changed(lambda token: token + "\x00")
    yield "other letters that fold to ours", changed(lambda token: token.replace("k", "\u212a", 1) + "\u212a")


def signatures() -> Attacks:
    yield "no signature", changed(lambda token: token.rpartition(".")[0] + ".")
    yield "two segments", changed(lambda token: token.rpartition(".")[0])
    yield "one padding character", changed(lambda token: token + "=")
    yield "padded signature", changed(lambda token: token + "==")
    yield "padded header", changed(lambda token: token.replace(".", "=.", 1))
    yield "white space after it", changed(lambda token: token + "\n")
    yield "white space within", changed(lambda token: token.replace(".", ". ", 1))
    yield "stray bits", changed(_stray_bits)
    yield "a signature one byte short", lambda forger: resigned(forger, lambda signature: signature[:-1])
    yield "a signature one byte long", lambda forger: resigned(forger, lambda signature: signature + b"\0")
    yield "a signature twice", lambda forger: resigned(forger, lambda signature: signature * 2)
    yield "half a signature", lambda forger: resigned(forger, lambda signature: signature[: len(signature) // 2])
    yield "a signature turned round", lambda forger: resigned(forger, lambda signature: signature[::-1])
    yield "a signature of zeros", lambda forger: resigned(forger, lambda signature: bytes(len(signature)))
    yield "a signature of ones", lambda forger: resigned(forger, lambda signature: b"\xff" * len(signature))
    yield "signature of another token", lambda forger: _swapped(forger.token(), forger.token())
    yield "padded payload", lambda forger: forger.signed(packed(forger.header()), packed(forger.claims()) + "=")
    yield "standard base64", lambda forger: forger.signed(packed(forger.header()), "+/+/")
    for place in range(4):
        yield f"bit flipped {place}/3 through", partial(resigned, change=flip(place / 3))
    yield "a payload changed afterwards", _changed_payload
    yield "a header changed afterwards", lambda forger: packed(forger.header(typ="JWT")) + forger.token()[1:]


def resigned(forger: Forger, change: Callable[[bytes], bytes]) -> str:
    """A good token whose signature was changed."""
    text = f"{packed(forger.header())}.{packed(forger.claims())}"
    return f"{text}.{b64(change(forger.signature(text)))}"


def flip(share: float) -> Callable[[bytes], bytes]:
    """One bit, so far through the signature."""

    def flipped(signature: bytes) -> bytes:
        place = round(share * (len(signature) - 1))
        return signature[:place] + bytes([signature[place] ^ 1]) + signature[place + 1 :]

    return flipped


def _changed_payload(forger: Forger) -> str:
    header, _, signature = forger.token().split(".")
    return f"{header}.{packed(forger.claims(sub='0' * 24))}.{signature}"


def _twice(members: Json, name: str) -> bytes:
    """An object with one key twice; the last, good one is what most parsers see."""
    return json.dumps(members).replace("{", f'{{"{name}": "none", ', 1).encode()


def _json_serialised(token: str) -> str:
    return json.dumps(dict(zip(("protected", "payload", "signature"), token.split("."), strict=True)))


def _swapped(token: str, other: str) -> str:
    return token.rpartition(".")[0] + "." + other.rpartition(".")[2]


def _stray_bits(token: str) -> str:
    """The same 64 bytes for a lenient decoder, in another spelling: 86 characters have four bits to spare."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + alphabet[alphabet.index(token[-1]) ^ 1]
