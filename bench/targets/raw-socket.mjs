// The floor: no HTTP server at all, and one ready-made buffer to all sockets. One write for each
// event and client can't cost less in Node.
import { createServer } from 'node:net';
import { frame } from './frame.mjs';
import { listen } from './listen.mjs';

const HEAD = [
  'HTTP/1.1 200 OK',
  'Content-Type: text/event-stream',
  'Cache-Control: no-cache',
  'Transfer-Encoding: chunked',
  '\r\n',
].join('\r\n');

export async function start() {
  const sockets = new Set();
  let id = 0;
  const server = createServer({ noDelay: true }, (socket) => {
    // The request is short, and comes in one piece.
    socket.once('data', () => {
      socket.write(HEAD);
      sockets.add(socket);
    });
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => {});
  });
  return {
    ...(await listen(server)),
    broadcast: (data) => {
      const text = frame(id++, data);
      const chunk = Buffer.from(`${text.length.toString(16)}\r\n${text}\r\n`, 'latin1');
      for (const socket of sockets) socket.write(chunk);
    },
  };
}
