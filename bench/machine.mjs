// Where the benchmark was run, and with what.
import { readFileSync } from 'node:fs';
import { cpus, release, totalmem, type } from 'node:os';

/** Lines of name and value; nothing that tells whose machine it is. */
export function machine() {
  return {
    CPU: cpus()[0]?.model.trim() || 'unknown',
    Cores: String(cpus().length),
    Memory: `${(totalmem() / 2 ** 30).toFixed(1)} GiB`,
    // What stands behind the version is of whoever built it.
    Kernel: `${type()} ${release().split('-')[0]}`,
    Node: process.version,
    Date: new Date().toISOString().slice(0, 10),
  };
}

/** The versions of these packages of bench/, or of another folder, and of the package itself. */
export function versions(packages, folder = 'node_modules') {
  const installed = packages.map((name) => [name, versionIn(`${folder}/${name}/package.json`)]);
  return { 'express-sse-hub': versionIn('../package.json'), ...Object.fromEntries(installed) };
}

function versionIn(path) {
  return JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')).version;
}

/** How many connections a process may have here, with some left for its own files. */
export function mostClients() {
  const limit = process.report?.getReport().userLimits?.open_files.soft;
  return typeof limit === 'number' ? limit - 100 : Number.POSITIVE_INFINITY;
}
