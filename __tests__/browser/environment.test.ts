import { isOffline, onWake } from '../../lib/browser/stream/environment.js';

/** What a page has of its browser. */
const page = globalThis as Record<string, unknown>;
const { navigator } = page;

describe('a page', () => {
  let listeners: Map<string, () => void>;

  beforeEach(() => {
    listeners = new Map();
    const target = {
      addEventListener: (type: string, listener: () => void) => listeners.set(type, listener),
      removeEventListener: (type: string) => listeners.delete(type),
    };
    Object.assign(page, target, { document: { ...target, visibilityState: 'visible' } });
  });

  afterEach(() => {
    for (const name of ['addEventListener', 'removeEventListener', 'document']) delete page[name];
    Object.defineProperty(page, 'navigator', { value: navigator, configurable: true });
  });

  test.each(['online', 'pageshow', 'visibilitychange'])('wakes with %s', (type) => {
    const woken = jest.fn();
    const end = onWake(woken);
    listeners.get(type)?.();
    expect(woken).toHaveBeenCalledTimes(1);
    end();
    expect(listeners.size).toBe(0);
  });

  test('does not wake when it is hidden', () => {
    const woken = jest.fn();
    onWake(woken);
    (page.document as { visibilityState: string }).visibilityState = 'hidden';
    listeners.get('visibilitychange')?.();
    expect(woken).not.toHaveBeenCalled();
  });

  test('is offline when the browser says so', () => {
    for (const onLine of [true, false]) {
      Object.defineProperty(page, 'navigator', { value: { onLine }, configurable: true });
      expect(isOffline()).toBe(!onLine);
    }
  });
});

test('Node has none of it', () => {
  expect(isOffline()).toBe(false);
  expect(() => onWake(() => {})()).not.toThrow();
});
