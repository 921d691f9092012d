// The real authorization server, npm oidc-provider, set up for tests: any resource (RFC 8707) is known, and its
// access tokens take the shape the request asks for.

import { randomBytes } from 'node:crypto';

// A test says in this header how the token is to look: percent-encoded JSON with, all optional,
// { alg, format: "jwt" | "opaque", ttl: seconds, subject, claims }.
const SHAPE_HEADER = 'gatepost-test-shape';

// Carries the client certificate (percent-encoded PEM) that a TLS-ending proxy would have verified (RFC 8705).
const CERTIFICATE_HEADER = 'gatepost-test-certificate';

// `+`, `%` and `:` must survive client_secret_basic, whose parts are form-encoded first (RFC 6749 §2.3.1).
const secret = () => `${randomBytes(24).toString('base64url')}+%:`;

const shapeOf = (ctx) => JSON.parse(decodeURIComponent(ctx?.get(SHAPE_HEADER) || '%7B%7D'));

const certificateOf = (ctx) => {
  const pem = ctx.get(CERTIFICATE_HEADER);
  return pem ? decodeURIComponent(pem) : undefined;
};

const application = (id) => ({
  client_id: id,
  client_secret: secret(),
  token_endpoint_auth_method: 'client_secret_post',
  grant_types: ['client_credentials', 'authorization_code'],
  response_types: ['code'],
  redirect_uris: [`https://${id}.example.com/callback`],
});

const resourceServer = (id, method) => ({
  client_id: id,
  client_secret: secret(),
  token_endpoint_auth_method: method,
  grant_types: [],
  response_types: [],
  redirect_uris: [],
});

export const makeClients = () => [
  application('web'),
  application('batch'),
  { ...application('bound'), tls_client_certificate_bound_access_tokens: true },
  resourceServer('gatepost', 'client_secret_basic'),
  resourceServer('gatepost-post', 'client_secret_post'),
];

export function makeProvider({ Provider, ExternalSigningKey }, issuer, clients, ring, jwks) {
  const provider = new Provider(issuer, configuration(clients, ring.signers(ExternalSigningKey)));
  provider.use(async (ctx, next) => {
    await next();
    if (ctx.oidc?.route === 'jwks') serveJwks(ctx, ring, jwks);
  });
  return provider;
}

function serveJwks(ctx, ring, { etag, cacheControl }) {
  ctx.body = ring.jwks();
  if (cacheControl) ctx.set('cache-control', cacheControl);
  if (!etag) return;
  ctx.etag = ring.etag();
  if (ctx.fresh) ctx.status = 304;
}

function configuration(clients, keys) {
  return {
    clients,
    jwks: { keys },
    cookies: { keys: [randomBytes(32).toString('hex')] },
    ttl: { IdToken: 300, ClientCredentials: (ctx, token) => token.resourceServer?.accessTokenTTL ?? 300 },
    scopes: ['openid', 'offline_access'],
    extraTokenClaims: (ctx) => {
      const { subject, claims } = shapeOf(ctx);
      return { ...claims, ...(subject && { sub: subject }) };
    },
    formats: {
      customizers: {
        // For client credentials oidc-provider says sub = client_id, whatever the extra claims say.
        jwt: (ctx, _token, { payload }) => { payload.sub = shapeOf(ctx).subject ?? payload.sub; },
      },
    },
    features: {
      devInteractions: { enabled: false },
      externalSigningSupport: { enabled: true, ack: 'experimental-01' },
      clientCredentials: { enabled: true },
      introspection: { enabled: true },
      jwtIntrospection: { enabled: true },
      revocation: { enabled: true },
      dPoP: { enabled: true },
      mTLS: { enabled: true, certificateBoundAccessTokens: true, getCertificate: certificateOf },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (ctx, resource) => {
          const { alg = 'RS256', format = 'jwt', ttl = 300 } = shapeOf(ctx);
          const scope = ctx.oidc.params?.scope ?? '';
          return { scope, audience: resource, accessTokenTTL: ttl, accessTokenFormat: format, jwt: { sign: { alg } } };
        },
      },
    },
  };
}
