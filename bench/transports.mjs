// How the load's clients connect, and how many of them share a connection.
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';

const HOST = '127.0.0.1';
const HEAD_END = Buffer.from('\r\n\r\n');
const UNCHECKED = { rejectUnauthorized: false };

/**
 * Gives what opens a stream. `sent()` is called when the request is on its way, `closed(error)` at the end, and
 * `read(bytes, length)` with what comes: it says whether to go on. It returns what ends the connection.
 */
export function transport({ tls = false, http2 = false, shared = 1 }, buffer) {
  if (http2) return overHttp2(tls, shared);
  return tls ? overTls : (client) => overTcp(client, buffer);
}

/** The clients share one buffer, so that reading costs next to nothing beside the kernel's part. */
function overTcp(client, buffer) {
  const onread = { buffer, callback: (length) => client.read(buffer, length) };
  const socket = connect({ port: client.port, host: HOST, onread });
  begin(socket, client);
  return () => {
    forget(socket);
    socket.resetAndDestroy();
  };
}

function overTls(client) {
  const socket = connectTls({ port: client.port, host: HOST, ...UNCHECKED });
  socket.on('data', (bytes) => client.read(bytes, bytes.length));
  begin(socket, client);
  return () => {
    forget(socket);
    socket.destroy();
  };
}

function begin(socket, { request, sent, closed }) {
  socket.setNoDelay(true);
  socket.write(request, sent);
  socket.on('error', closed);
  socket.on('close', () => closed());
}

/** So many streams, one after another, share a connection. */
function overHttp2(tls, shared) {
  let session;
  let streams = 0;
  return ({ port, read, sent, closed }) => {
    if (streams++ % shared === 0) {
      session = connectHttp2(`${tls ? 'https' : 'http'}://${HOST}:${port}`, UNCHECKED);
      session.on('error', closed);
    }
    const own = session;
    const stream = own.request({ ':path': '/', accept: 'text/event-stream' });
    // The reader looks for the end of a head.
    stream.once('response', () => read(HEAD_END, HEAD_END.length));
    stream.on('data', (bytes) => read(bytes, bytes.length));
    stream.on('error', closed);
    stream.on('close', () => closed());
    sent();
    return () => {
      forget(stream);
      forget(own);
      own.destroy();
    };
  };
}

/** Nobody is told of what happens to it from here on. */
function forget(emitter) {
  emitter.removeAllListeners('data');
  emitter.removeAllListeners('close');
  emitter.removeAllListeners('error');
  emitter.on('error', () => {});
}
