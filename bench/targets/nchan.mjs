// Nchan, a module of nginx, with a configuration made for the run. Published to over one connection
// that is kept; what is measured is its worker.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, createServer, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { cpuOf } from '../proc.mjs';
import { listen } from './listen.mjs';

/** `file`: the module to load. */
export async function start({ file }) {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'bench-nchan-'));
  const config = join(folder, 'nginx.conf');
  writeFileSync(config, configuration({ file, port, folder }));
  const args = ['-p', folder, '-c', config, '-e', join(folder, 'error.log')];
  const nginx = spawn('nginx', args, { stdio: 'inherit' });
  process.once('exit', () => nginx.kill());
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  await untilReady(port, agent);
  const worker = readFileSync(`/proc/${nginx.pid}/task/${nginx.pid}/children`, 'utf8').trim();
  return {
    port,
    broadcast: (data) => publish(port, agent, data),
    cpu: () => cpuOf(worker),
    async stop() {
      agent.destroy();
      nginx.kill();
      await once(nginx, 'exit');
      rmSync(folder, { recursive: true });
    },
  };
}

function configuration({ file, port, folder }) {
  return `
load_module ${file};
# As whoever runs the benchmark: the worker has to reach the folder.
${process.getuid() === 0 ? 'user root;' : ''}
daemon off;
worker_processes 1;
worker_rlimit_nofile 8192;
pid ${folder}/nginx.pid;
events { worker_connections 4096; }
http {
  access_log off;
  keepalive_requests 1000000;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  server {
    listen 127.0.0.1:${port};
    location = /publish {
      nchan_publisher;
      nchan_channel_id bench;
      nchan_message_timeout 30s;
    }
    location = / {
      nchan_subscriber eventsource;
      nchan_channel_id bench;
      nchan_subscriber_first_message newest;
    }
  }
}
`;
}

async function freePort() {
  const { server, port } = await listen(createServer());
  server.close();
  await once(server, 'close');
  return port;
}

async function untilReady(port, agent) {
  for (let tries = 100; ; tries--) {
    try {
      return await publish(port, agent, 'ready');
    } catch (error) {
      if (tries === 0) throw error;
      await wait(50);
    }
  }
}

async function publish(port, agent, data) {
  const options = { host: '127.0.0.1', port, path: '/publish', method: 'POST', agent };
  const publishing = request(options).end(data);
  const [response] = await once(publishing, 'response');
  response.resume();
  await once(response, 'end');
  if (response.statusCode >= 300) throw new Error(`Nchan answered ${response.statusCode}`);
}
