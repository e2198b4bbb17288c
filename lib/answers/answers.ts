// answers/: streams with a beginning, an end and an owner, each a room of a log.

import { createHash, randomUUID } from 'node:crypto';
import { absentClient, type Client } from '../client/client.js';
import { quote, SseError } from '../errors.js';
import { answerFailure } from '../http/fail.js';
import { readLastEventId } from '../http/last-event-id.js';
import { open, refuse } from '../http/open.js';
import { parseEventId } from '../log/event-id.js';
import {
  type CloseOptions,
  type DrainOptions,
  readCloseOptions,
  readDrainOptions,
} from '../options.js';
import type { OfRequest, Request, Response, RouteRequest } from '../request.js';
import { withTimeLimit } from '../util/time-limit.js';
import type { Answer } from './answer.js';
import {
  type AnswerStatus,
  type AnswersOptions,
  type AnswersSettings,
  readAnswersOptions,
} from './options.js';
import { type AnswerEvent, readAnswer } from './read.js';
import type { Known } from './registry.js';
import { Shelf } from './shelf.js';

export type { Answer, AnswerSendFromOptions, AnswerSendOptions } from './answer.js';
export type { AnswerEnd, AnswerEventFields, AnswerStatus, AnswersOptions } from './options.js';
export type { AnswerEvent } from './read.js';

/** An answer, as `answers.list` gives it. */
export interface AnswerInfo {
  readonly id: string;
  readonly status: AnswerStatus;
  readonly startedAt: Date;
}

/** How long a reader waits for the log to say whether there is an answer, in ms. */
const OPEN_TIMEOUT = 10_000;

/** Answers: what is produced once, and read by any number of readers, at any time, in any process. */
export interface Answers {
  /**
   * Begins an answer in this process. `id`: 1 to 200 characters; by default a random one. The answer runs until it is ended,
   * whoever reads it.
   *
   * Rejects with an SseError `ERR_SSE_ANSWER_EXISTS` where an answer with this id runs, in whatever process,
   * `ERR_SSE_ANSWERS_FULL` where `maxAnswers` run, `ERR_SSE_CLOSED` after `close`, and `ERR_SSE_LOG_AWAY` where
   * the log is unreachable. Rejects with a TypeError for a bad id. An answer with this id that has ended is replaced.
   */
  start(id?: string): Promise<Answer>;
  /**
   * A route for an answer's readers: the whole answer from its beginning, or behind the reader's Last-Event-ID, then what
   * comes, then the end event, and the stream ends. `idOf` gives the answer's id for a request, or a promise of it.
   *
   * A reader that has had the end gets 204, so that EventSource stops. An answer that is unknown or has expired is 404, one
   * that the reader may not read 403.
   */
  route(
    idOf: OfRequest<string | Promise<string>>,
  ): (req: Request, res: Response, next?: (error?: unknown) => void) => void;
  /** The same for one request, in a handler of your own. Rejects as `hub.open` does, and with a TypeError for a bad id. */
  open(req: Request, res: Response, id: string): Promise<Client>;
  /**
   * All events of an answer, the end event last: for a server that reads. Each is asked for when the one before is done
   * with. Throws an SseError `ERR_SSE_ANSWER_UNKNOWN` for an answer that is unknown, has expired, or is lost meanwhile.
   */
  read(id: string): AsyncIterable<AnswerEvent>;
  /**
   * What became of an answer; undefined for one that is unknown, or has expired. Rejects with an SseError `ERR_SSE_LOG_AWAY`
   * where the log is unreachable, as `stop`, `list` and `read` do.
   */
  status(id: string): Promise<AnswerStatus | undefined>;
  /**
   * Stops an answer, in whatever process it runs: its `signal` aborts, and its readers get the end. Resolves with its status
   * after that: that of before, where it had ended; undefined for one that is unknown.
   */
  stop(id: string): Promise<AnswerStatus | undefined>;
  /** All answers that are kept, in the order in which they began. */
  list(): Promise<AnswerInfo[]>;
  /**
   * Lets the answers of this process run to their ends, those that begin meanwhile as well: the first step of a shutdown,
   * while the server still takes requests. New readers are rejected in the way that EventSource understands, and those of
   * answers that run elsewhere are ended with a time to reconnect. Resolves when no answer runs here and no stream is left.
   * What still runs after `timeout`, 10 000 ms by default, fails with `'shutdown'`.
   */
  drain(options?: DrainOptions): Promise<void>;
  /** Fails what runs here, ends all streams, and closes the logs. */
  close(options?: CloseOptions): Promise<void>;
}

/**
 * Makes a place for answers.
 *
 *     const answers = createAnswers({ log: redisLog(client, { prefix: 'answers' }) });
 *     app.post('/ask', async (req, res) => {
 *       const answer = await answers.start();
 *       answer.sendFrom(askModel(req.body.question, answer.signal));
 *       res.json({ id: answer.id });
 *     });
 *     app.get('/answers/:id', answers.route((req) => req.params.id));
 *
 * Throws a TypeError or RangeError for a bad option.
 */
export function createAnswers(options: AnswersOptions = {}): Answers {
  const settings = readAnswersOptions(options);
  return new AnswersHandle(settings);
}

class AnswersHandle implements Answers {
  readonly #settings: AnswersSettings;
  readonly #shelves: readonly Shelf[];

  constructor(settings: AnswersSettings) {
    this.#settings = settings;
    this.#shelves = settings.log.map((log) => new Shelf(log, settings));
  }

  async start(id: string = randomUUID()): Promise<Answer> {
    return this.#shelfOf(id).start(id);
  }

  route(idOf: OfRequest<string | Promise<string>>) {
    if (typeof idOf !== 'function') {
      throw new TypeError(`route ${quote(idOf)}: must be a function of the request`);
    }
    return (
      req: Request,
      res: Response,
      next: (error?: unknown) => void = (error) => answerFailure(res, error),
    ): void => {
      const opened = async () => this.open(req, res, await idOf(req as RouteRequest));
      opened().catch(next);
    };
  }

  async open(req: Request, res: Response, id: string): Promise<Client> {
    const shelf = this.#shelfOf(id);
    if (!(await this.#settings.authorize(req as RouteRequest, id))) return answer(res, 403);
    let known: Known | undefined;
    try {
      known = await withTimeLimit(shelf.findWhole(id), OPEN_TIMEOUT, 'to find the answer');
    } catch {
      // Nobody knows whether there is one while the log is unreachable.
      return refuse(shelf.hub, 'unreachable', req, res, this.#settings);
    }
    if (known === undefined) return answer(res, 404);
    if (hasHad(shelf, known, readLastEventId(req))) return answer(res, 204);
    const { headers, key } = this.#settings;
    return open(shelf.hub, req, res, {
      ...{ headers, key },
      rooms: [known.room],
      start: { after: shelf.beginningOf(known) },
      onConnect: (client) => shelf.admit(known, client),
    });
  }

  async *read(id: string): AsyncGenerator<AnswerEvent, void> {
    const shelf = this.#shelfOf(id);
    const known = await shelf.findWhole(id);
    if (known === undefined) {
      const message = `answer ${quote(id)}: there is none with this id, or it has expired`;
      throw new SseError('ERR_SSE_ANSWER_UNKNOWN', message);
    }
    yield* readAnswer(shelf, known);
  }

  async status(id: string): Promise<AnswerStatus | undefined> {
    return (await this.#shelfOf(id).findNow(id))?.status;
  }

  async stop(id: string): Promise<AnswerStatus | undefined> {
    const shelf = this.#shelfOf(id);
    const known = await shelf.find(id);
    if (known?.status === 'running') await shelf.finish(known, { status: 'stopped' });
    return known?.status;
  }

  async list(): Promise<AnswerInfo[]> {
    await Promise.all(this.#shelves.map((shelf) => shelf.caughtUp()));
    const all = this.#shelves.flatMap((shelf) => [...shelf.all()]);
    return all
      .sort((one, other) => one.at - other.at)
      .map(({ id, status, at }) => ({ id, status, startedAt: new Date(at) }));
  }

  async drain(options: DrainOptions = {}): Promise<void> {
    const { timeout } = readDrainOptions(options);
    await Promise.all(this.#shelves.map((shelf) => shelf.drain(timeout)));
  }

  async close(options: CloseOptions = {}): Promise<void> {
    const settings = readCloseOptions(options);
    await Promise.all(this.#shelves.map((shelf) => shelf.close(settings)));
  }

  /** All processes have to choose the same one. */
  #shelfOf(id: unknown): Shelf {
    if (typeof id !== 'string' || id === '' || id.length > 200) {
      throw new TypeError(`answer id ${quote(id)}: must be a string of 1 to 200 characters`);
    }
    const digest = createHash('sha256').update(id).digest().readUInt32BE(0);
    return this.#shelves[digest % this.#shelves.length] as Shelf;
  }
}

/** Whether a reader with this Last-Event-ID has had the answer's end. */
function hasHad(shelf: Shelf, { end }: Known, lastEventId: string | undefined): boolean {
  const id = parseEventId(lastEventId ?? '');
  return id !== undefined && end !== undefined && id.epoch === shelf.epoch && id.sequence >= end;
}

function answer(res: Response, status: number): Client {
  if (!res.headersSent) res.statusCode = status;
  (res as { end(): void }).end();
  return absentClient();
}
