import { once } from 'node:events';
import { type AddressInfo, createConnection } from 'node:net';
import { createServer } from 'node:tls';

/** Of `localhost` and 127.0.0.1, signed by itself; for this test server only, so its key is no secret. */
export const SELF_SIGNED = `-----BEGIN CERTIFICATE-----
MIIBmzCCAUGgAwIBAgIUA6NR50vteM+6p/41YpGkkSUmvX0wCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMDA5MjE1MVoYDzIxMjYxMDI3
MDkyMTUxWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAARfv5UKoEDpLlwDwxjaXQoe3Li23FszqfuVotxSFMyqIgUfJbJn6e9c
9fJBnDMwsW0efL9hJ2pwkgyN0J0cZwkzo28wbTAdBgNVHQ4EFgQU1JSwK0Axj3Aq
JwVBA0m3v/xHuzIwHwYDVR0jBBgwFoAU1JSwK0Axj3AqJwVBA0m3v/xHuzIwDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
zj0EAwIDSAAwRQIhAKuDbCE4DjUdxUk2Dnpl2gryw0UmNM152snekaXuxaG1AiA+
+mZb+vJmSEeIx9wjtNJMgAnZW2ti99/4QZLcGuT8iA==
-----END CERTIFICATE-----
`;
const KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgFrjqzm3DNCVtFbRA
1Leewn4YpZk1+559Mbnvr0kgbqKhRANCAARfv5UKoEDpLlwDwxjaXQoe3Li23Fsz
qfuVotxSFMyqIgUfJbJn6e9c9fJBnDMwsW0efL9hJ2pwkgyN0J0cZwkz
-----END PRIVATE KEY-----
`;

export interface TlsFront extends AsyncDisposable {
  readonly url: string;
}

/** TLS before a server that speaks none. */
export async function tlsFront(port: number): Promise<TlsFront> {
  const server = createServer({ cert: SELF_SIGNED, key: KEY }, (client) => {
    const upstream = createConnection({ host: '127.0.0.1', port });
    client.pipe(upstream).pipe(client);
    for (const side of [client, upstream]) side.on('error', () => (client.destroy(), upstream.destroy()));
  });
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `rediss://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => void server.close(),
  };
}
