import type { Place } from './locator.js';

/** The first part of a stream, until its client has everything there was when it came. */
export class Beginning {
  /** Whether the client's snapshot is under way: it gets nothing of the log meanwhile, nor an id. */
  isHeld: boolean;
  readonly resumed: boolean;
  readonly missed: number | undefined;
  /** The head when it came. */
  #end: number;

  constructor({ resumed, gap }: Place, isHeld: boolean, head: number) {
    this.isHeld = isHeld;
    this.resumed = resumed;
    this.missed = gap?.missed;
    this.#end = head;
  }

  isOver(position: number): boolean {
    return !this.isHeld && position >= this.#end;
  }

  /** The log is lost: nothing is left of what there was. */
  restart(head: number): void {
    this.#end = head;
  }
}
