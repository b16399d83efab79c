"""Attacks on the claims, signed with the real key: each of a wrong kind, for somebody else, at a wrong time."""

import time

from tests.permissions.authn.forgery import MISSING, Attacks, Json, at, shown, with_claims


def claims() -> Attacks:
    texts = ("", "x", "parley ")
    wrong: tuple[object, ...] = (*texts, None, True, 0, -1, 1.5, 10**30, [], ["parley"], {}, {"$gt": ""}, MISSING)
    for claim in ("iss", "aud", "sub", "sid", "jti", "iat", "nbf", "exp"):
        for value in wrong:
            yield f"{claim} {shown(value)}", with_claims(**{claim: value})
    for claim in ("iat_ms", "auth_time", "auth_time_ms"):
        for value in (*texts, None, True, -1, 1.5, 10**30, [], {}, MISSING):
            yield f"{claim} {shown(value)}", with_claims(**{claim: value})
    for claim in ("ip", "device"):
        for value in ("", None, True, 0, 1.5, [], {}, "\x00", "a\nb", "\ud800", "x" * 1_000):
            yield f"{claim} {shown(value)}", with_claims(**{claim: value})
    yield "ip is none", with_claims(ip="192.0.2.256")
    for claim in ("iat_ms", "auth_time_ms"):
        yield f"{claim} of more than a second", with_claims(**{claim: 1_000})
    subjects = ("0" * 23, "G" * 24, "A" * 24, "\N{ARABIC-INDIC DIGIT ZERO}" * 24, "0" * 24 + "\n")
    for subject in subjects:
        yield f"sub {subject!r}", with_claims(sub=subject)
    yield "aud of somebody else", with_claims(aud="somebody-else")
    yield "iss of somebody else", with_claims(iss="https://evil.example")
    yield "sid too short", with_claims(sid="short")
    yield "jti with blanks", with_claims(jti="a b c")


def parties() -> Attacks:
    for claim in ("aud", "iss"):
        for several in (["parley", "parley"], ["parley", "somebody-else"], ["somebody-else"], [["parley"]], [None]):
            yield f"{claim} {several!r}", with_claims(**{claim: several})
        for other in ("Parley", "parley/", "parley\0", "p\u0430rley", "https://parley"):
            yield f"{claim} {other!r}", with_claims(**{claim: other})


def times() -> Attacks:
    yield "valid from tomorrow", at(nbf=86_400, exp=86_500)
    yield "issued tomorrow", at(iat=86_400, exp=86_500)
    yield "issued in a minute", at(iat=60)
    yield "lives for a day", at(exp=86_400)
    yield "lives for a hundred years", at(exp=100 * 365 * 86_400)
    yield "issued long ago, good until now", at(iat=-90_000, nbf=-90_000, exp=60)
    yield "of a session that is opened tomorrow", at(auth_time=86_400)
    yield "over before it began", at(nbf=-10, iat=-10, exp=-10_000)
    yield "milliseconds", lambda forger: forger.token(claims=forger.claims(**_thousandfold(forger.claims())))
    for claim in ("iat", "nbf", "exp"):
        for value in (2**31, 2**53, 2**63, 2**64, -(2**63), 1e308, False, "1", [int(time.time())]):
            yield f"{claim} {shown(value)}", with_claims(**{claim: value})
    yield "times as text", with_claims(exp=str(int(time.time()) + 60))
    yield "times as floats", with_claims(exp=float(int(time.time()) + 60))


def _thousandfold(claims: Json) -> Json:
    return {name: claims[name] * 1000 for name in ("iat", "nbf", "exp")}
