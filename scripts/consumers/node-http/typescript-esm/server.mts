import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { sse } from 'express-sse-hub';

const stream = sse();

const server = createServer(async (req, res) => {
  switch (`${req.method} ${req.url}`) {
    case 'GET /stream':
      stream(req, res);
      break;
    case 'POST /apples':
      await stream.hub.sendEvent('apples', { count: 42 });
      res.writeHead(202).end();
      break;
    case 'POST /stop':
      res.writeHead(202).end();
      await stream.hub.close();
      server.close();
      break;
    default:
      // @ts-expect-error: misspelled, and only a typed hub can tell.
      stream.hub.sendEvnt('pears');
  }
});

server.listen(0, '127.0.0.1', () => {
  console.log((server.address() as AddressInfo).port);
});
