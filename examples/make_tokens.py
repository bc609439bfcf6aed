#!/usr/bin/env python3
"""Make the tokens of the demo marketplace, and the public key that verifies them.

Each run makes another key and throws its private half away once it has signed, so that
nobody can sign further tokens of the demo's issuer. Run it only to change what a token
says, and commit what it writes:

    python3 -m venv .venv && .venv/bin/pip install cryptography
    .venv/bin/python examples/make_tokens.py
"""

import base64
import datetime
import json
import pathlib

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

HERE = pathlib.Path(__file__).resolve().parent / "dx"
ISSUER = "cos.example.com"
RESOURCE_SERVER = "rs.example.com"
MARKETPLACE = "apd.example.com"
CONSUMER = "11111111-1111-4111-8111-111111111111"
PROVIDER = "22222222-2222-4222-8222-222222222222"
DELEGATE = "33333333-3333-4333-8333-333333333333"


def seconds(year, month, day):
    return int(datetime.datetime(year, month, day, tzinfo=datetime.timezone.utc).timestamp())


ISSUED = seconds(2026, 11, 1)
EXPIRES = seconds(2099, 1, 1)


def identity(subject, role, **more):
    """The claims of an identity token, in the order in which they are written."""
    return {
        "sub": subject, "iss": ISSUER, "aud": RESOURCE_SERVER, "exp": EXPIRES, "iat": ISSUED,
        "iid": "rs:" + RESOURCE_SERVER, "role": role, "cons": {}, **more,
    }


TOKENS = {
    "consumer": identity(CONSUMER, "consumer"),
    "provider": identity(PROVIDER, "provider"),
    "delegate": identity(DELEGATE, "delegate", did=CONSUMER, drl="consumer"),
    "expired": {**identity(CONSUMER, "consumer"), "exp": ISSUED + 43200},
    "aaa-server": {
        "sub": ISSUER, "iss": ISSUER, "aud": MARKETPLACE, "exp": EXPIRES, "iat": ISSUED,
        "iid": "null:", "role": "", "cons": {},
    },
}


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sign(key, claims):
    """A JWT by RFC 7515, with the signature of RFC 7518, section 3.4: R and S, 32 bytes each."""
    header = {"iss": ISSUER, "typ": "JWT", "alg": "ES256"}
    parts = [encode(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims)]
    text = ".".join(parts)
    r, s = utils.decode_dss_signature(key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
    return text + "." + encode(r.to_bytes(32, "big") + s.to_bytes(32, "big"))


def main():
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    HERE.mkdir(exist_ok=True)
    (HERE / "aaa.pem").write_bytes(public)
    for name, claims in TOKENS.items():
        (HERE / (name + ".jwt")).write_text(sign(key, claims) + "\n")


if __name__ == "__main__":
    main()
