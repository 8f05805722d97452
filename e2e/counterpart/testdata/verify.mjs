// Verifies an access token as a service does that knows only the issuer.
// Usage: node verify.mjs MODULES ISSUER TOKEN ALGORITHM
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [modules, issuer, token, algorithm] = process.argv.slice(2);
const load = (name) => import(pathToFileURL(createRequire(modules + "/package.json").resolve(name)));
const jose = await load("jose");
const oauth = await load("oauth4webapi");
const answer = {};

// jose: the keys come from the discovery document.
const document = await (await fetch(issuer + "/.well-known/openid-configuration")).json();
const keys = jose.createRemoteJWKSet(new URL(document.jwks_uri));
const demands = { issuer, audience: issuer, typ: "at+jwt", algorithms: [algorithm], requiredClaims: ["sub", "sid", "jti", "auth_time"] };
const verified = await jose.jwtVerify(token, keys, demands);
answer.jose = verified.payload.sub;
answer.joseRefuses = [];
for (const [what, bad] of [["audience", { audience: "https://other.example" }], ["issuer", { issuer: "https://other.example" }], ["typ", { typ: "JWT" }]]) {
  await jose.jwtVerify(token, keys, { ...demands, ...bad }).catch(() => answer.joseRefuses.push(what));
}

// oauth4webapi: both documents, and the rules of RFC 9068.
for (const kind of ["oidc", "oauth2"]) {
  const insecure = { [oauth.allowInsecureRequests]: true };
  const response = await oauth.discoveryRequest(new URL(issuer), { algorithm: kind, ...insecure });
  const server = await oauth.processDiscoveryResponse(new URL(issuer), response);
  const request = new Request(issuer + "/notes", { headers: { authorization: "Bearer " + token } });
  const claims = await oauth.validateJwtAccessToken(server, request, issuer, { signingAlgorithms: [algorithm], ...insecure });
  answer[kind] = claims.sub;
}
console.log(JSON.stringify(answer));
