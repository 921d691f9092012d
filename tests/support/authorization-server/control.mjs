// The control API: how a test rotates keys, breaks endpoints and stops the server. JSON in, JSON out, on a port of its
// own, so that it answers while the authorization server is down.

import { once } from 'node:events';
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';

export function operations({ front, port, ring, jwks, provider }) {
  return {
    rotate: async ({ alg, publish }) => ({ kid: await ring.rotate(alg, { publish }) }),
    publish: ({ kid }) => ring.publish(kid),
    unpublish: ({ kid }) => ring.unpublish(kid),
    current: ({ alg }) => ({ kid: ring.current(alg)?.kid }),
    jwks: (options) => { Object.assign(jwks, options); },
    requests: () => front.requests(),
    fault: ({ endpoint, fault }) => front.fault(endpoint, fault),
    stop: () => front.close(),
    start: () => front.listen(port),
    'id-token': async ({ client, subject }) => ({ token: await idToken(provider, client, subject) }),
  };
}

async function idToken(provider, clientId, subject) {
  const client = await provider.Client.find(clientId);
  if (!client) throw new RangeError(`no client is called ${clientId}`);
  const token = new provider.IdToken({ sub: subject }, { client });
  token.scope = 'openid';
  return token.issue({ use: 'idtoken' });
}

// Serves POST /<operation>. An operation that throws is answered with 400 and its message.
export async function serve(table) {
  const server = createServer(async (request, response) => {
    const [status, body] = await perform(table[request.url.slice(1)], request);
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body ?? {}));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server.address().port;
}

async function perform(operation, request) {
  if (!operation) return [404, { error: `no operation ${request.url}` }];
  try {
    return [200, await operation(await json(request))];
  } catch (error) {
    return [400, { error: error.message }];
  }
}
