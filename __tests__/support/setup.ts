import { stopServers } from './server.js';
import { dropClients } from './stream-client.js';

afterEach(async () => {
  dropClients();
  await stopServers();
});
