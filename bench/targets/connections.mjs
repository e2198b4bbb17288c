// The hub over each kind of connection, with nothing else in front.
import { createServer } from 'node:http';
import { createServer as createHttp2Server, createSecureServer } from 'node:http2';
import { createServer as createHttpsServer } from 'node:https';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { generate } from 'selfsigned';
import { listen } from './listen.mjs';

const CHECKOUT = join(import.meta.dirname, '../..');
const KINDS = {
  'HTTP/1.1': createServer,
  'HTTP/1.1 over TLS': createHttpsServer,
  'HTTP/2': createHttp2Server,
  'HTTP/2 over TLS': createSecureServer,
};

export async function start({ connection, checkout = CHECKOUT }) {
  const { createHub } = await import(pathToFileURL(join(checkout, 'dist/esm/index.js')));
  const hub = createHub();
  const { private: key, cert } = await generate([{ name: 'commonName', value: 'localhost' }]);
  // Each connection of HTTP/2 is to carry the streams of a crowd.
  const options = { key, cert, settings: { maxConcurrentStreams: 1000 } };
  const server = KINDS[connection](options, (req, res) => void hub.open(req, res));
  return { ...(await listen(server)), broadcast: (data) => hub.send(data) };
}
