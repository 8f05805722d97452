"""Verifies an access token with PyJWT. Usage: verify.py ISSUER TOKEN ALGORITHM"""
import json
import sys
import urllib.request

import jwt

issuer, token, algorithm = sys.argv[1:]
with urllib.request.urlopen(issuer + "/.well-known/openid-configuration") as answer:
    document = json.load(answer)
key = jwt.PyJWKClient(document["jwks_uri"]).get_signing_key_from_jwt(token).key
needed = {"require": ["exp", "iat", "iss", "aud", "sub", "jti"]}
claims = jwt.decode(token, key, algorithms=[algorithm], issuer=issuer, audience=issuer, options=needed)
refused = []
for what, wrong in (("audience", {"audience": "https://other.example"}), ("issuer", {"issuer": "https://other.example"})):
    try:
        jwt.decode(token, key, **({"algorithms": [algorithm], "issuer": issuer, "audience": issuer} | wrong))
    except jwt.InvalidTokenError:
        refused.append(what)
print(json.dumps({"pyjwt": claims["sub"], "refuses": refused}))
