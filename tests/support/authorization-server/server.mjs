// Starts the authorization server: node server.mjs NODE_MODULES PORT
//
// Listens on 127.0.0.1:PORT (0: the system chooses), prints one line of JSON when it does,
//   {"issuer": "http://127.0.0.1:…", "control": port, "clients": {"web": "its secret", …}}
// and ends when its standard input does, so that it never outlives the test that started it.

import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { operations, serve } from './control.mjs';
import { Front } from './front.mjs';
import { KeyRing } from './keys.mjs';
import { makeClients, makeProvider } from './provider.mjs';

process.stdin.resume().on('end', () => process.exit(0)).on('error', () => process.exit(0));

const [, , modules, wantedPort] = process.argv;
const library = await import(pathToFileURL(join(modules, 'oidc-provider', 'lib', 'index.js')));

const ring = await KeyRing.generate();
const clients = makeClients();
const jwks = { etag: false, cacheControl: undefined };

let handler;
const front = new Front(() => handler);
const port = await front.listen(Number(wantedPort));
const issuer = `http://127.0.0.1:${port}`;
const provider = makeProvider(library, issuer, clients, ring, jwks);
handler = provider.callback();

const control = await serve(operations({ front, port, ring, jwks, provider }));
const secrets = Object.fromEntries(clients.map(({ client_id: id, client_secret: secret }) => [id, secret]));
console.log(JSON.stringify({ issuer, control, clients: secrets }));
