import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readTable } from './markdown.js';
import { ROOT, read } from './pages.js';

/** Whether the tables of the documents are written anew from this run, and not compared with it. */
const WRITES = process.env.WRITE_TABLES === '1';

/** A table of a document that comes from a run: its rows by their first cell. */
export class WrittenTable {
  readonly #rows = new Map<string, readonly string[]>();

  constructor(
    private readonly page: string,
    private readonly head: readonly string[],
  ) {}

  /** The cells of a row behind the first, as the document has them, or as they have just been found. */
  expected(name: string, found: readonly string[]): readonly string[] {
    if (WRITES) {
      this.#rows.set(name, found);
      return found;
    }
    const rows = readTable(read(this.page), this.head[0] as string);
    return rows.find(([first]) => first === name)?.slice(1) ?? [];
  }

  /** Puts what was found into the document. A row that was left out stays as it is. */
  write(): void {
    if (this.#rows.size === 0) return;
    const text = read(this.page);
    const [first] = this.head as [string];
    for (const [name, ...cells] of readTable(text, first)) {
      if (name !== undefined && !this.#rows.has(name)) this.#rows.set(name, cells);
    }
    const lines = [
      this.head,
      this.head.map(() => '---'),
      ...[...this.#rows].map((row) => row.flat()),
    ];
    const table = lines.map((cells) => `| ${cells.join(' | ')} |\n`).join('');
    const start = text.indexOf(`| ${first} |`);
    const [old = ''] = /^(\|.*\n)*/.exec(text.slice(start)) ?? [];
    writeFileSync(
      join(ROOT, this.page),
      text.slice(0, start) + table + text.slice(start + old.length),
    );
  }
}
