import type { Page } from 'playwright-core';

/** Resolves once an element has shown this, also for a moment that is over by now. */
type HasShown = (text: string) => Promise<void>;

/** Notes all that an element of the page shows from now on. */
export async function noteShown(page: Page, selector: string): Promise<HasShown> {
  const element = `document.querySelector(${JSON.stringify(selector)})`;
  await page.evaluate(`{
    const element = ${element};
    const shown = (element.shown = [element.textContent]);
    const watch = new MutationObserver(() => shown.push(element.textContent));
    watch.observe(element, { childList: true, characterData: true, subtree: true });
  }`);
  return async (text) => {
    await page.waitForFunction(
      `${element}.shown.some((text) => text.includes(${JSON.stringify(text)}))`,
    );
  };
}
