import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readBlocks } from '../markdown.js';
import type { Program } from '../needs.js';
import { read } from '../pages.js';

export const PAGE = 'docs/guides/proxies.md';

/** How a proxy is started, with the settings that the page gives. */
export interface ProxyProgram {
  /** In the table, and the heading that its settings stand under. */
  readonly name: string;
  readonly program: Program;
  /** Writes into the folder what the program needs, and gives its arguments. */
  prepare(site: Site): readonly string[];
  /** Of a proxy that runs in Node. */
  readonly package?: string;
  /** Has any other say its version. */
  readonly versionArgs?: readonly string[];
}

/** Where a proxy listens, what it passes on to, and a folder for its files. */
export interface Site {
  readonly port: number;
  readonly appPort: number;
  readonly folder: string;
}

/** The blocks of the page that are run here, as they stand there. */
export const BLOCKS: ReadonlySet<string> = new Set([
  'nginx 1',
  'haproxy 1',
  'haproxy 2',
  'Caddy 1',
  'Varnish 1',
  'Apache 1',
  'Apache 2',
  'nghttpx 1',
  'http-proxy 1',
  'Vite 1',
]);

const blocks = new Map(readBlocks(read(PAGE)).map(({ name, code }) => [name, code]));

/** A block of the page, with the ports of the site instead of those that it names. */
function block(name: string, { port, appPort }: Site): string {
  const code = blocks.get(name);
  if (code === undefined) throw new Error(`${PAGE} has no block ${name}`);
  return code
    .replaceAll(/\b127\.0\.0\.1([:,])3000\b/g, `127.0.0.1$1${appPort}`)
    .replaceAll(/(?<=^|[ *,:(])(80|8080|5173)\b/gm, String(port));
}

function file({ folder }: Site, name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const nginx: ProxyProgram = {
  name: 'nginx',
  program: { name: 'nginx', variable: 'NGINX_PATH', commands: ['nginx', '/usr/sbin/nginx'] },
  versionArgs: ['-v'],
  prepare(site) {
    const { folder, port } = site;
    const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
      (kind) => `${kind}_temp_path ${folder}/${kind};`,
    );
    const config = `
      daemon off;
      pid ${folder}/pid;
      error_log stderr crit;
      events {}
      http {
        access_log off;
        ${paths.join('\n')}
        gzip on;
        gzip_types text/event-stream;
        gzip_proxied any;
        server {
          listen 127.0.0.1:${port};
          ${block('Proxies and compression 2', site)}
          ${block('nginx 1', site)}
        }
      }
    `;
    return ['-e', 'stderr', '-p', folder, '-c', file(site, 'nginx.conf', config)];
  },
};

const haproxy: ProxyProgram = {
  name: 'haproxy',
  program: {
    name: 'haproxy',
    variable: 'HAPROXY_PATH',
    commands: ['haproxy', '/usr/sbin/haproxy'],
  },
  versionArgs: ['-v'],
  prepare(site) {
    const later = file(site, 'later.http', block('haproxy 2', site).replaceAll('\n', '\r\n'));
    const config = `
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    compression algo gzip
    compression type text/event-stream

frontend web
    bind 127.0.0.1:${site.port}
    default_backend app

${block('haproxy 1', site).replaceAll('/etc/haproxy/later.http', later)}`;
    return ['-db', '-f', file(site, 'haproxy.cfg', config)];
  },
};

const caddy: ProxyProgram = {
  name: 'Caddy',
  program: { name: 'Caddy', variable: 'CADDY_PATH', commands: ['caddy'] },
  versionArgs: ['version'],
  prepare(site) {
    const config = `{
  admin off
  auto_https off
}
${block('Caddy 1', site).replace('{', '{\n    bind 127.0.0.1\n    encode gzip')}`;
    return ['run', '--adapter', 'caddyfile', '--config', file(site, 'Caddyfile', config)];
  },
};

const varnish: ProxyProgram = {
  name: 'Varnish',
  program: {
    name: 'Varnish',
    variable: 'VARNISH_PATH',
    commands: ['varnishd', '/usr/sbin/varnishd'],
  },
  versionArgs: ['-V'],
  prepare(site) {
    const config = file(site, 'default.vcl', `vcl 4.1;\n${block('Varnish 1', site)}`);
    const { folder, port } = site;
    return [
      '-F',
      '-j',
      'none',
      '-n',
      folder,
      '-a',
      `127.0.0.1:${port}`,
      '-s',
      'malloc,16m',
      '-f',
      config,
    ];
  },
};

const apache: ProxyProgram = {
  name: 'Apache',
  program: {
    name: 'Apache',
    variable: 'APACHE_PATH',
    commands: ['apache2', '/usr/sbin/apache2'],
  },
  versionArgs: ['-v'],
  prepare(site) {
    const { folder, port } = site;
    const modules = [
      'mpm_event',
      'authz_core',
      'alias',
      'mime',
      'filter',
      'deflate',
      'asis',
      'proxy',
      'proxy_http',
    ];
    file(site, 'later.asis', block('Apache 2', site));
    const config = `
ServerName localhost
ServerRoot ${folder}
PidFile ${folder}/pid
DefaultRuntimeDir ${folder}
ErrorLog /dev/stderr
LogLevel crit
Listen 127.0.0.1:${port}
${modules.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`).join('\n')}
TypesConfig /dev/null
AddOutputFilterByType DEFLATE text/event-stream
${block('Apache 1', site).replaceAll('/var/www/', `${folder}/`)}`;
    return ['-X', '-f', file(site, 'apache.conf', config)];
  },
};

const nghttpx: ProxyProgram = {
  name: 'nghttpx',
  program: { name: 'nghttpx', variable: 'NGHTTPX_PATH', commands: ['nghttpx'] },
  versionArgs: ['--version'],
  prepare(site) {
    const config = block('nghttpx 1', site).replace('*,', '127.0.0.1,');
    return [
      '--workers=1',
      '--log-level=FATAL',
      '--accesslog-file=/dev/null',
      `--conf=${file(site, 'nghttpx.conf', config)}`,
    ];
  },
};

/** Servers of the tests are process groups, which Windows doesn't have. */
const NODE: Program = {
  name: 'Node on a system with process groups',
  variable: 'NODE_PROGRAM',
  commands: process.platform === 'win32' ? [] : [process.execPath],
};

const httpProxy: ProxyProgram = {
  name: 'http-proxy',
  package: 'http-proxy',
  program: NODE,
  prepare: (site) => ['--input-type=module', '--eval', block('http-proxy 1', site)],
};

const vite: ProxyProgram = {
  name: 'Vite',
  package: 'vite',
  program: NODE,
  prepare(site) {
    const config = file(site, 'vite.config.mjs', block('Vite 1', site));
    const address = ['--host', '127.0.0.1', '--port', String(site.port), '--strictPort'];
    return ['node_modules/vite/bin/vite.js', site.folder, '--config', config, ...address];
  },
};

export const PROXIES: readonly ProxyProgram[] = [
  nginx,
  haproxy,
  caddy,
  varnish,
  apache,
  nghttpx,
  httpProxy,
  vite,
];
