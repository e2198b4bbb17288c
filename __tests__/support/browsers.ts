import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromiumProgram, KEEPS_TO_ITSELF } from './chromium.js';
import { removeFolder } from './folder.js';
import type { Program } from './needs.js';

/** A browser that opens a page without anybody driving it: the page tells its server what it saw. */
export interface Browser {
  readonly program: Program;
  args(profile: string): readonly string[];
}

export const firefoxProgram: Program = {
  name: 'Firefox',
  variable: 'FIREFOX_PATH',
  commands: ['firefox-esr', 'firefox', '/Applications/Firefox.app/Contents/MacOS/firefox'],
};

/** What makes a Firefox ask nobody on the network for anything of its own. */
export const FIREFOX_SETTINGS: Readonly<Record<string, boolean>> = {
  'app.update.enabled': false,
  'browser.shell.checkDefaultBrowser': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'toolkit.telemetry.reportingpolicy.firstRun': false,
};

export const browsers: readonly Browser[] = [
  {
    program: chromiumProgram,
    args: (profile) => [...KEEPS_TO_ITSELF, '--headless', `--user-data-dir=${profile}`],
  },
  {
    program: firefoxProgram,
    args: (profile) => {
      const lines = Object.entries(FIREFOX_SETTINGS).map(
        ([name, value]) => `user_pref("${name}", ${value});`,
      );
      writeFileSync(join(profile, 'user.js'), lines.join('\n'));
      return ['--headless', '--no-remote', '--profile', profile];
    },
  },
];

/** Shows the page until the work is done. */
export async function withPage<T>(
  { args }: Browser,
  path: string,
  url: string,
  work: () => Promise<T>,
): Promise<T> {
  const profile = mkdtempSync(join(tmpdir(), 'express-sse-hub-browser-'));
  const child: ChildProcess = spawn(path, [...args(profile), url], {
    env: { ...process.env, HOME: profile },
    stdio: 'ignore',
  });
  const exited = once(child, 'exit');
  try {
    return await work();
  } finally {
    child.kill();
    await exited;
    await removeFolder(profile);
  }
}
