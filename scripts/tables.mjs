// npm run tables: runs the clients and the proxies, and writes the tables of the documents that say what
// they did.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';

const jest = createRequire(import.meta.url).resolve('jest/bin/jest');
const child = spawn(process.execPath, [jest, '__tests__/(clients|proxies).test'], {
  stdio: 'inherit',
  env: { ...process.env, WRITE_TABLES: '1' },
});
[process.exitCode] = await once(child, 'close');
