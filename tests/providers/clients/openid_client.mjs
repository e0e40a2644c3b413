// npm's openid-client, as it comes, logs in at the mock server's identity provider: node openid_client.mjs ORIGIN

import assert from "node:assert/strict";
import * as client from "openid-client";

const [origin] = process.argv.slice(2);
const redirectUri = "http://127.0.0.1:5000/callback";
const insecure = { execute: [client.allowInsecureRequests] };

/** What a resident does on the provider's page: choose a persona. */
async function choose(address, persona) {
  const fields = new URLSearchParams(address.searchParams);
  fields.set("persona", persona);
  const answer = await fetch(address.origin + address.pathname, { method: "POST", body: fields, redirect: "manual" });
  assert.equal(answer.status, 303);
  return new URL(answer.headers.get("location"));
}

async function logIn(config, { pushed = false, DPoP } = {}) {
  const verifier = client.randomPKCECodeVerifier();
  const [state, nonce] = [client.randomState(), client.randomNonce()];
  const parameters = {
    redirect_uri: redirectUri, scope: "openid profile offline_access", state, nonce, max_age: "3600",
    code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256",
  };
  const address = pushed
    ? await client.buildAuthorizationUrlWithPAR(config, parameters, { DPoP })
    : client.buildAuthorizationUrl(config, parameters);
  const back = await choose(address, "lan");
  const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true, maxAge: 3600 };
  return client.authorizationCodeGrant(config, back, checks, undefined, { DPoP });
}

for (const provider of ["shandong", "vneid"]) {
  const config = await client.discovery(new URL(`${origin}/idp/${provider}`), "onecity-app", undefined, client.None(), insecure);
  const tokens = await logIn(config);
  const claims = tokens.claims();
  const info = await client.fetchUserInfo(config, tokens.access_token, claims.sub);
  assert.equal(info.name, "Persona Lan");
  const renewed = await client.refreshTokenGrant(config, tokens.refresh_token);
  assert.notEqual(renewed.access_token, tokens.access_token);
  await client.tokenRevocation(config, renewed.access_token);
  await assert.rejects(client.fetchUserInfo(config, renewed.access_token, claims.sub));
  const out = client.buildEndSessionUrl(config, {
    id_token_hint: tokens.id_token, post_logout_redirect_uri: redirectUri, state: "bye",
  });
  const gone = await fetch(out, { redirect: "manual" });
  assert.equal(new URL(gone.headers.get("location")).searchParams.get("state"), "bye");
  await assert.rejects(client.refreshTokenGrant(config, renewed.refresh_token), { error: "invalid_grant" });
}

// Tokens bound to a key, the request pushed with a proof.
const config = await client.discovery(new URL(`${origin}/idp/shandong`), "onecity-app", undefined, client.None(), insecure);
const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair("ES256"));
const bound = await logIn(config, { pushed: true, DPoP });
assert.equal(bound.token_type, "dpop");
const info = await client.fetchUserInfo(config, bound.access_token, bound.claims().sub, { DPoP });
assert.equal(info.account_kind, "person");
await client.refreshTokenGrant(config, bound.refresh_token, undefined, { DPoP });

// What a resource server asks of a token.
const { introspection } = await (await fetch(`${origin}/world.json`)).json();
const gateway = await client.discovery(new URL(`${origin}/idp/shandong`), introspection.client_id, undefined,
  client.ClientSecretBasic(introspection.client_secret), insecure);
const active = await client.tokenIntrospection(gateway, (await logIn(config)).access_token);
assert.equal(active.active, true);

// RFC 8414, without OpenID Connect.
const plain = await client.discovery(new URL(`${origin}/idp/shandong`), "onecity-app", undefined, client.None(),
  { ...insecure, algorithm: "oauth2" });
assert.equal(plain.serverMetadata().issuer, `${origin}/idp/shandong`);
console.log("openid-client logs in, renews, asks, revokes and logs out");
