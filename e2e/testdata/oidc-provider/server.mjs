// An issuer of OpenID Connect by the package oidc-provider, for e2e/provider_test.go.
// It prints its issuer when it listens, and ends with its standard input.
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [
      { client_id: 'basic', client_secret: 's3cr3t with: odd+characters%', redirect_uris: [process.argv[2]], grant_types: ['authorization_code', 'refresh_token'], token_endpoint_auth_method: 'client_secret_basic' },
      { client_id: 'post', client_secret: 's3cr3t', redirect_uris: [process.argv[2]], grant_types: ['authorization_code', 'refresh_token'], token_endpoint_auth_method: 'client_secret_post', id_token_signed_response_alg: 'ES256' },
    ],
    claims: { email: ['email', 'email_verified'], profile: ['name', 'nickname'] },
    enabledJWA: { idTokenSigningAlgValues: ['RS256', 'ES256'] },
    features: { revocation: { enabled: true } },
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({ sub: id, email: `${id}@example.com`, email_verified: id !== 'eve', name: `The ${id}`, nickname: id }),
    }),
    jwks: { keys: JSON.parse(process.argv[3]) },
    pkce: { required: () => true },
    issueRefreshToken: () => true,
  });
  server.on('request', provider.callback());
  console.log(issuer);
});
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
