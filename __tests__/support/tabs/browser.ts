import puppeteer, { type Browser } from 'puppeteer-core';
import { FIREFOX_SETTINGS, firefoxProgram } from '../browsers.js';
import { chromiumProgram, KEEPS_TO_ITSELF } from '../chromium.js';
import type { Program } from '../needs.js';

/** A name of loopback that a browser takes for a host of the intranet: it has no Web Locks on plain http. */
const INTRANET = 'board.intranet.test';

/** A browser with many tabs, which a test opens and leaves. */
export interface Driven {
  readonly program: Program;
  /** Whether a page with a connection may get into the back/forward cache. */
  readonly caches: boolean;
  launch(path: string): Promise<Browser>;
}

export const driven: readonly Driven[] = [
  {
    program: chromiumProgram,
    caches: true,
    launch: (executablePath) =>
      puppeteer.launch({
        executablePath,
        args: [...KEEPS_TO_ITSELF, `--host-resolver-rules=MAP ${INTRANET} 127.0.0.1`],
      }),
  },
  {
    program: firefoxProgram,
    caches: false,
    launch: (executablePath) =>
      puppeteer.launch({
        browser: 'firefox',
        executablePath,
        extraPrefsFirefox: {
          ...FIREFOX_SETTINGS,
          'network.dns.forceResolve': '127.0.0.1',
          // A process for each tab: one that crashes takes no other with it.
          'dom.ipc.processCount.webIsolated': 30,
          'dom.ipc.processCount': 30,
        },
      }),
  },
];

export const hosts = [
  ['with Web Locks', '127.0.0.1'],
  ['on plain http, without them', INTRANET],
] as const;
