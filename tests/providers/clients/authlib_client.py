"""PyPI's authlib, as it comes, logs in at the mock server's identity provider: authlib_client.py ORIGIN"""

import os
import sys
from urllib.parse import parse_qsl

import requests
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session

# The world is on this machine, without TLS.
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
REDIRECT_URI = "http://127.0.0.1:5000/callback"
VERIFIER = "a-verifier-of-more-than-forty-three-characters-long"


def choose(address: str, persona: str) -> str:
    """What a resident does on the provider's page; answers where the browser is sent."""
    page, query = address.split("?", 1)
    fields = dict(parse_qsl(query))
    answer = requests.post(page, data={**fields, "persona": persona}, allow_redirects=False)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def main(origin: str) -> None:
    for provider in ("shandong", "vneid"):
        issuer = f"{origin}/idp/{provider}"
        metadata = requests.get(f"{issuer}/.well-known/openid-configuration").json()
        session = OAuth2Session(
            "onecity-app", redirect_uri=REDIRECT_URI, scope="openid profile offline_access",
            token_endpoint_auth_method="none", code_challenge_method="S256",
        )
        address, _ = session.create_authorization_url(metadata["authorization_endpoint"], code_verifier=VERIFIER)
        back = choose(address, "minh")
        token = session.fetch_token(metadata["token_endpoint"], authorization_response=back, code_verifier=VERIFIER)
        assert token["token_type"] == "Bearer"
        assert session.get(metadata["userinfo_endpoint"]).json()["name"] == "Persona Minh"
        renewed = session.refresh_token(metadata["token_endpoint"])
        assert renewed["access_token"] != token["access_token"]
        session.revoke_token(metadata["revocation_endpoint"], token=renewed["refresh_token"])
        assert session.get(metadata["userinfo_endpoint"]).status_code == 401
        try:
            session.refresh_token(metadata["token_endpoint"], refresh_token=renewed["refresh_token"])
        except OAuthError as refused:
            assert refused.error == "invalid_grant", refused
        else:
            raise AssertionError("a session that was revoked was renewed")
    print("authlib logs in, renews, asks and revokes")


if __name__ == "__main__":
    main(sys.argv[1])
