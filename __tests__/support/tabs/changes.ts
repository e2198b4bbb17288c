import type { Tab } from './tab.js';

/** Something that befalls the tab that is connected. */
export interface Change {
  readonly name: string;
  prepare?(tab: Tab): Promise<void>;
  /** Resolves when it has begun. */
  begin(tab: Tab): Promise<void>;
  /** The tab is in use again. Missing where it is gone. */
  end?(tab: Tab): Promise<void>;
  /** Whether it is still connected. */
  readonly isHeld?: boolean;
  /** Whether it is tried in that browser. */
  readonly isIn: (browser: string) => boolean;
}

const everywhere = () => true;
/** Where processes have numbers in /proc. */
const onLinux = () => process.platform === 'linux';

export const changes: readonly Change[] = [
  {
    name: 'closed',
    isIn: everywhere,
    begin: ({ page }) => page.close(),
  },
  {
    name: 'crashed',
    isIn: onLinux,
    prepare: (tab) => tab.findProcess(),
    begin: async ({ pid }) => void process.kill(pid, 'SIGKILL'),
  },
  {
    name: 'left for another page and back',
    isIn: everywhere,
    begin: async ({ page }) => {
      await page.goto(new URL('/elsewhere', page.url()).href);
    },
    end: async (tab) => {
      // No driver waits for a page that comes out of the back/forward cache.
      await tab.page.evaluate(() =>
        (globalThis as unknown as { history: { back(): void } }).history.back(),
      );
      await tab.page.waitForFunction(() => 'seen' in globalThis);
    },
  },
  {
    name: 'frozen by the browser',
    isIn: (browser) => browser === 'Chromium',
    begin: (tab) => setLifecycle(tab, 'frozen'),
    end: (tab) => setLifecycle(tab, 'active'),
  },
  {
    name: 'stopped',
    isHeld: true,
    isIn: onLinux,
    prepare: (tab) => tab.findProcess(),
    begin: async ({ pid }) => void process.kill(pid, 'SIGSTOP'),
    end: async ({ pid }) => void process.kill(pid, 'SIGCONT'),
  },
];

async function setLifecycle({ page }: Tab, state: 'frozen' | 'active'): Promise<void> {
  const session = await page.createCDPSession();
  await session.send('Page.setWebLifecycleState', { state });
  await session.detach();
}
