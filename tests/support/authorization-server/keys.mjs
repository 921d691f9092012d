// The signing keys of the authorization server: made when it starts or when a test rotates one, never written down.
// A key that signs and a key that is published are separate facts, so that a test can take them apart.

import { constants, createHash, generateKeyPair, randomUUID, sign } from 'node:crypto';
import { promisify } from 'node:util';

const rsa = (padding) => ({ type: 'rsa', options: { modulusLength: 2048 }, hash: 'sha256', signing: padding });
const ec = (namedCurve, hash) => ({ type: 'ec', options: { namedCurve }, hash, signing: { dsaEncoding: 'ieee-p1363' } });
const ed25519 = { type: 'ed25519', options: {}, hash: null, signing: {} };

// JWS algorithm -> how to make its key and how to sign with it (RFC 7518, RFC 8037, RFC 9864).
const ALGORITHMS = {
  RS256: rsa({ padding: constants.RSA_PKCS1_PADDING }),
  PS256: rsa({ padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }),
  ES256: ec('P-256', 'sha256'),
  ES384: ec('P-384', 'sha384'),
  ES512: ec('P-521', 'sha512'),
  EdDSA: ed25519,
  Ed25519: ed25519,
};

export class KeyRing {
  #signing = new Map(); // alg -> key
  #known = new Map(); // kid -> key, published or not
  #published = new Set(); // kids

  static async generate() {
    const ring = new KeyRing();
    await Promise.all(Object.keys(ALGORITHMS).map((alg) => ring.rotate(alg, { publish: true })));
    return ring;
  }

  // Makes a new key the one that signs `alg`. The key before it stays published, as a careful operator leaves it.
  async rotate(alg, { publish }) {
    const recipe = ALGORITHMS[alg];
    if (!recipe) throw new RangeError(`no key for algorithm ${alg}; there are ${Object.keys(ALGORITHMS).join(', ')}`);
    const { publicKey, privateKey } = await promisify(generateKeyPair)(recipe.type, recipe.options);
    const kid = `${alg}-${randomUUID().slice(0, 8)}`;
    const key = { kid, alg, publicKey, privateKey, recipe };
    this.#signing.set(alg, key);
    this.#known.set(kid, key);
    if (publish) this.publish(kid);
    return kid;
  }

  publish(kid) {
    if (!this.#known.has(kid)) throw new RangeError(`no key has kid ${kid}`);
    this.#published.add(kid);
  }

  // The key goes on signing, if it did: what a test needs to see its tokens refused.
  unpublish(kid) {
    if (!this.#published.delete(kid)) throw new RangeError(`no published key has kid ${kid}`);
  }

  jwks() {
    const keys = [...this.#published].map((kid) => {
      const { alg, publicKey } = this.#known.get(kid);
      return { ...publicKey.export({ format: 'jwk' }), kid, alg, use: 'sig' };
    });
    return { keys };
  }

  etag() {
    return createHash('sha256').update(JSON.stringify(this.jwks())).digest('base64url');
  }

  current(alg) {
    return this.#signing.get(alg);
  }

  // What oidc-provider holds for each algorithm: a key that is always the current one.
  signers(ExternalSigningKey) {
    const ring = this;
    return Object.keys(ALGORITHMS).map((alg) => new (class extends ExternalSigningKey {
      get alg() { return alg; }

      get kid() { return ring.current(alg).kid; }

      keyObject() { return ring.current(alg).publicKey; }

      sign(data) {
        const { privateKey, recipe } = ring.current(alg);
        return sign(recipe.hash, data, { key: privateKey, ...recipe.signing });
      }
    })());
  }
}
