// What stands before the authorization server: counts what each endpoint is asked, and makes an endpoint slow or
// broken when a test says so.

import { once } from 'node:events';
import { createServer } from 'node:http';
import { setTimeout } from 'node:timers/promises';

const ENDPOINTS = {
  '/.well-known/openid-configuration': 'metadata',
  '/.well-known/oauth-authorization-server': 'metadata',
  '/jwks': 'jwks',
  '/token': 'token',
  '/token/introspection': 'introspection',
  '/token/revocation': 'revocation',
};

export class Front {
  #requests = Object.fromEntries(Object.values(ENDPOINTS).map((endpoint) => [endpoint, 0]));
  #faults = new Map();
  #server;

  // `handler` is asked late, because the provider needs the port for its issuer and the port comes from listening.
  constructor(handler) {
    this.#server = createServer((request, response) => this.#serve(request, response, handler));
  }

  async listen(port) {
    this.#server.listen(port, '127.0.0.1');
    await once(this.#server, 'listening');
    return this.#server.address().port;
  }

  // From here on a connection is refused, and those that were open are cut: the machine is gone.
  async close() {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  requests() {
    return this.#requests;
  }

  // A fault replaces the one before and lets go of the requests it was delaying. None heals the endpoint.
  fault(endpoint, fault) {
    if (!(endpoint in this.#requests)) throw new RangeError(`no endpoint is called ${endpoint}`);
    this.#faults.get(endpoint)?.over.abort();
    this.#faults.delete(endpoint);
    if (fault) this.#faults.set(endpoint, { ...fault, over: new AbortController() });
  }

  async #serve(request, response, handler) {
    const endpoint = ENDPOINTS[request.url.split('?')[0]];
    if (endpoint) this.#requests[endpoint] += 1;
    const fault = this.#faults.get(endpoint);
    if (fault?.delay) await setTimeout(fault.delay, undefined, { signal: fault.over.signal }).catch(() => {});
    if (fault?.status) response.writeHead(fault.status, { 'content-type': 'application/json' }).end(fault.body);
    else handler()(request, response);
  }
}
