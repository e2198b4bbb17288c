import { execFileSync } from 'node:child_process';
import type { Program } from '../needs.js';
import { read } from '../pages.js';

/** A client: what it is called in the table, and by those who open streams with it. */
export interface Client {
  readonly name: string;
  readonly adapter: string;
  readonly version: string;
  /** Of a program, a machine may have another version than the table. */
  readonly isProgram: boolean;
}

function fromPackage(folder: string, name = folder): Client {
  const { version } = JSON.parse(read(`node_modules/${folder}/package.json`));
  return { name, adapter: name, version, isProgram: false };
}

/** The path is empty where the program is missing, and its suite is left out. */
export function fromProgram(name: string, adapter: string, path: string): Client {
  const output = path && execFileSync(path, ['--version'], { encoding: 'utf8' });
  const [version] = /\d[\d.]*/.exec(output) ?? [];
  return { name, adapter, version: String(version), isProgram: true };
}

/** The client of this package, wherever it runs. */
export function own(where: string): Client {
  const { version } = JSON.parse(read('package.json'));
  const adapter = 'express-sse-hub/client';
  return { name: `${adapter} in ${where}`, adapter, version, isProgram: false };
}

export const IN_NODE = [
  own('Node'),
  fromPackage('eventsource-1', 'eventsource 1'),
  fromPackage('eventsource-2', 'eventsource 2'),
  fromPackage('eventsource-3', 'eventsource 3'),
  fromPackage('eventsource', 'eventsource 4'),
  fromPackage('eventsource-client'),
  fromPackage('undici'),
  fromPackage('launchdarkly-eventsource'),
];

export const IN_CHROMIUM = [
  fromPackage('event-source-polyfill'),
  fromPackage('@microsoft/fetch-event-source', 'fetch-event-source'),
  fromPackage('extended-eventsource'),
  fromPackage('sse.js'),
  fromPackage('reconnecting-eventsource'),
];

export const CURL: Program = { name: 'curl', variable: 'CURL_PATH', commands: ['curl'] };
