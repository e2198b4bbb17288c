// browser/share/: one connection for all tabs of a browser.

import type { Connection } from '../connection/connection.js';
import { isHidden, onSleep } from '../stream/environment.js';
import type { ConnectOptions } from '../stream/options.js';
import type { Reader, Source, Step } from '../stream/step.js';
import type { StreamState } from '../stream/stream.js';
import { Following } from './following.js';
import { Leading } from './leading.js';
import { isReached } from './places.js';
import { makeTurn, type Turn } from './turn.js';
import { compareLeaders, type Question, VERSION, type Word } from './words.js';

/** How often a member looks after its leader, in ms. */
const LOOK = 200;

/** After so many looks without an answer, the leader is dead, or frozen. */
const UNANSWERED = 3;

/** After so many looks, what does not mend by itself is mended. */
const PATIENCE = 5;

/** What there is of https://html.spec.whatwg.org/multipage/web-messaging.html#broadcasting-to-other-browsing-contexts */
interface Channel {
  onmessage: ((event: { readonly data: Word | Question }) => void) | null;
  postMessage(word: Word | Question): void;
  close(): void;
}

interface Page {
  readonly BroadcastChannel?: new (name: string) => Channel;
  readonly document?: { readonly baseURI: string };
  readonly location?: { readonly href: string };
}

const page = globalThis as unknown as Page;

export function canShare(): boolean {
  return page.BroadcastChannel !== undefined;
}

/** The same for all that may use one connection: they get the same with the same rights. */
export function channelName(url: string, { share, credentials }: ConnectOptions): string {
  // A server that renders pages has no address. It must not fail there, nor does it get anything.
  const base = page.document?.baseURI ?? page.location?.href ?? 'http://server';
  const address = new URL(url, base).href;
  return `express-sse-hub/${VERSION} ${JSON.stringify([address, share, credentials])}`;
}

/**
 * One of those that share a connection: one of them, the leader, is connected, and passes on each step. A member is at a
 * place of the stream, as an EventSource is. It follows a leader that is not ahead of it, and takes what is behind its place:
 * so nothing is lost, and nothing comes twice, whoever leads, and wherever a new leader begins. A member that can't follow
 * reads a connection of its own until it can; each one begins so.
 */
export class Member implements Source, Reader {
  readonly #name: string;
  readonly #open: (place: string, reader: Reader) => Connection;
  readonly #reader: Reader;
  #place: string;
  /** Where the connection is, or the leader: behind this member, perhaps. */
  #sourcePlace = '';
  readonly #id = Math.random().toString(36).slice(2);
  #channel: Channel | undefined;
  readonly #turn: Turn;
  #connection: Connection | undefined;
  #leading: Leading | undefined;
  #leader: Pick<Word, 'term' | 'from' | 'isHidden'> = { term: 0, from: '', isHidden: false };
  #following: Following | undefined;
  /** Whether it follows. */
  #isInLine = false;
  #timer: ReturnType<typeof setInterval> | undefined;
  #unanswered = 0;
  /** Looks since the leader was connected, or was not. */
  #looks = 0;
  readonly #endSleep: () => void;

  constructor(
    name: string,
    open: (place: string, reader: Reader) => Connection,
    place: string,
    reader: Reader,
  ) {
    this.#name = name;
    this.#open = open;
    this.#place = place;
    this.#reader = reader;
    this.#turn = makeTurn(
      name,
      () => this.#lead(),
      () => this.#yield(),
    );
    this.#endSleep = onSleep(
      () => this.#leave(),
      () => this.#join(),
    );
    this.#join();
  }

  close(): void {
    this.#endSleep();
    this.#leave();
  }

  /** A step of a connection of its own. */
  take(step: Step): void {
    this.#leading?.take(step);
    this.#accept(step);
    this.#follow();
  }

  /** What a member has had already is not for it. What has no id of its own is new, wherever its source is. */
  #accept(step: Step): void {
    const hasId = step.place !== this.#sourcePlace;
    this.#sourcePlace = step.place;
    const isKnown = isReached(step.place, this.#place);
    if (isKnown && hasId) return;
    if (!isKnown) this.#place = step.place;
    this.#reader.take({ ...step, place: this.#place });
  }

  /** A leader without room for more would have all others wait. */
  room(): Promise<void> | undefined {
    const room = this.#reader.room();
    if (room !== undefined && this.#leading !== undefined) {
      this.#resign();
      room.then(() => this.#channel && this.#queue());
    }
    return room;
  }

  #join(): void {
    const { BroadcastChannel } = page as Required<Page>;
    this.#channel = new BroadcastChannel(this.#name);
    this.#channel.onmessage = ({ data }) => this.#hear(data);
    this.#timer = setInterval(() => this.#look(), LOOK);
    this.#unanswered = 0;
    this.#connect();
    this.#queue();
  }

  /** Wants to lead, unless there is a leader. */
  #queue(): void {
    this.#turn.wait();
    this.#ask();
  }

  /** A page that is closed, or put aside, keeps nobody waiting. */
  #leave(): void {
    clearInterval(this.#timer);
    this.#disconnect();
    this.#resign();
    this.#channel?.close();
    this.#channel = undefined;
    this.#following = undefined;
    this.#isInLine = false;
  }

  #connect(place = this.#place): void {
    this.#sourcePlace = place;
    this.#reader.take({ place: this.#place, state: 'connecting' });
    this.#connection = this.#open(place, this);
  }

  #disconnect(): void {
    this.#connection?.close();
    this.#connection = undefined;
  }

  #lead(): void {
    const term = Math.max(Date.now(), this.#leader.term + 1);
    this.#leader = { term, from: this.#id, isHidden: false };
    const before = this.#following?.last.place ?? this.#place;
    // It begins where the leader before was, so that nobody is behind it.
    if (this.#connection === undefined) {
      this.#connect(isReached(before, this.#place) ? before : this.#place);
    }
    this.#following = undefined;
    this.#isInLine = false;
    const { state } = this.#connection as unknown as Connection;
    this.#leading = new Leading(this.#leader, { place: this.#sourcePlace, state }, (word) =>
      this.#channel?.postMessage(word),
    );
  }

  /** Stays connected until it is in line. */
  #resign(): void {
    this.#leading?.tell(true);
    this.#leading = undefined;
    this.#turn.leave();
  }

  /** Another one leads. */
  #yield(): void {
    this.#resign();
    this.#queue();
  }

  #ask(): void {
    this.#channel?.postMessage({ isQuestion: true });
  }

  #hear(word: Word | Question): void {
    const rank = word.isQuestion ? -1 : compareLeaders(word, this.#leader);
    if (word.isQuestion || rank < 0) {
      // Another one that leads yields when it hears of this one.
      this.#leading?.tell();
      return;
    }
    if (rank > 0 || this.#following === undefined) {
      if (word.isLast) return;
      if (this.#leading !== undefined) this.#yield();
      this.#following = new Following(word);
      this.#isInLine = false;
      this.#looks = 0;
    }
    const isOpen = this.#isOpen;
    this.#leader = word;
    this.#unanswered = 0;
    if (!this.#following.add(word)) this.#isInLine = false;
    this.#follow();
    if (this.#isOpen !== isOpen) this.#looks = 0;
    if (this.#channel !== undefined) this.#turn.heard(word.isLast);
  }

  /** Whether the leader is connected. */
  get #isOpen(): boolean {
    return isOpen(this.#following?.state);
  }

  #follow(): void {
    const following = this.#following;
    if (following === undefined) return;
    if (!this.#isInLine) {
      if (this.#place === '' || !following.meet(this.#place)) return;
      this.#isInLine = true;
      this.#disconnect();
      const { place, state } = following.last;
      this.#sourcePlace = place;
      if (state !== 'closed') this.#reader.take({ place: this.#place, state });
    }
    while (this.#isInLine) {
      const room = this.#reader.room();
      if (room !== undefined) {
        room.then(() => this.#follow());
        return;
      }
      const step = following.next();
      if (step === undefined) return;
      this.#accept(step);
    }
  }

  /** Looks after the leader, and after this member. */
  #look(): void {
    if (this.#leading !== undefined || this.#reader.room() !== undefined) return;
    const isShown = !isHidden();
    // A page that nobody looks at does not hurry where the browser sees the end of the leader.
    if (isShown || !this.#isInLine || !this.#turn.isWatched) {
      if (++this.#unanswered > UNANSWERED) {
        this.#takeOver();
        return;
      }
      this.#ask();
    }
    if (++this.#looks < PATIENCE || this.#following === undefined) return;
    const { state } = this.#connection ?? {};
    if (!this.#isOpen) {
      // The leader may lack a connection because of this one; and in a page that is hidden, timers are slow.
      if (isOpen(state) || (isShown && this.#leader.isHidden)) this.#takeOver();
    } else if (!this.#isInLine) {
      if (state === undefined) this.#connect();
      // Whoever is behind can be followed by all.
      else if (state === 'live' && isReached(this.#place, this.#following.last.place))
        this.#takeOver();
    }
  }

  #takeOver(): void {
    this.#unanswered = 0;
    this.#looks = 0;
    this.#turn.take();
  }
}

function isOpen(state: StreamState | undefined): boolean {
  return state === 'replaying' || state === 'live';
}
