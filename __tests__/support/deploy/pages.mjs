// A process with pages, which count what comes: 0, 1, 2 and so on. It is sent where to read, and then how much there is.
// The tests' own process is not busy with them: a request on a connection that it keeps must not come too late.
import { EventSource } from 'eventsource';

class Page {
  wrong = [];
  #next = 0;
  #arrived = () => {};
  #source;

  /** Resolves when it is connected. */
  async open(url) {
    this.#source = new EventSource(url);
    this.#source.addEventListener('message', ({ data }) => {
      if (Number(data) !== this.#next) this.wrong.push(`${data} came, and not ${this.#next}`);
      this.#next = Number(data) + 1;
      this.#arrived();
    });
    this.#source.addEventListener('gap', ({ data }) => this.wrong.push(`a gap: ${data}`));
    this.#source.addEventListener('error', ({ code, message }) => {
      if (this.#source.readyState !== this.#source.CLOSED) return;
      this.wrong.push(`given up after ${this.#next} events: ${code} ${message}`);
      this.#next = Number.POSITIVE_INFINITY;
      this.#arrived();
    });
    await new Promise((resolve) => {
      this.#source.addEventListener('open', resolve, { once: true });
      this.#source.addEventListener('error', () => {
        if (this.#source.readyState === this.#source.CLOSED) resolve();
      });
    });
  }

  /** Resolves when so many events have come, or none has come for a minute. */
  async has(count) {
    while (this.#next < count) {
      const arrived = await new Promise((resolve) => {
        this.#arrived = () => resolve(true);
        setTimeout(resolve, 60_000, false);
      });
      if (arrived) continue;
      this.wrong.push(
        `${this.#next} of ${count} events came, readyState ${this.#source.readyState}`,
      );
      return;
    }
  }
}

let pages = [];

process.on('message', async ({ url, count, sent }) => {
  if (url !== undefined) {
    pages = Array.from({ length: count }, () => new Page());
    await Promise.all(pages.map((page) => page.open(url)));
    process.send([]);
  } else {
    await Promise.all(pages.map((page) => page.has(sent)));
    process.send(pages.flatMap((page) => page.wrong));
  }
});

// The test is over, or gone.
process.on('disconnect', () => process.exit());
