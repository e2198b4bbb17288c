import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import fc from 'fast-check';
import { ModuleKind, ScriptTarget, transpileModule } from 'typescript';
import { createLimiter, type Job, type Limiter } from '../../lib/delivery/limiter.js';
import { range } from '../support/range.js';

/** Jobs that say when they start and hold their slots until they are told to finish. */
class Jobs {
  readonly started: number[] = [];
  readonly #running = new Map<number, () => void>();

  constructor(readonly limit: Limiter) {}

  add(...numbers: number[]): void {
    for (const number of numbers) {
      this.limit((done) => {
        this.started.push(number);
        this.#running.set(number, done);
      });
    }
  }

  finish(...numbers: number[]): void {
    for (const number of numbers) {
      const done = this.#running.get(number);
      if (done === undefined) throw new Error(`job ${number} is not running`);
      this.#running.delete(number);
      done();
    }
  }
}

const counts = ({ activeCount, pendingCount }: Limiter) => ({ activeCount, pendingCount });

function setUp(concurrency: number, count: number) {
  const limit = createLimiter(concurrency);
  const jobs = new Jobs(limit);
  jobs.add(...range(count));
  return { limit, jobs };
}

describe('starting', () => {
  test('a job starts at once while a slot is free, and waits otherwise', () => {
    const { jobs } = setUp(2, 1);
    expect(jobs.started).toEqual([0]);
    jobs.add(1);
    expect(jobs.started).toEqual([0, 1]);
    jobs.add(2);
    expect(jobs.started).toEqual([0, 1]);
  });

  test('each slot that is given back starts the job that waits the longest', () => {
    const { jobs } = setUp(2, 6);
    jobs.finish(1);
    expect(jobs.started).toEqual([0, 1, 2]);
    jobs.finish(0);
    expect(jobs.started).toEqual([0, 1, 2, 3]);
    jobs.finish(3, 2);
    expect(jobs.started).toEqual([0, 1, 2, 3, 4, 5]);
  });

  test('a concurrency of 1 runs one job after the other', () => {
    const { jobs } = setUp(1, 3);
    for (const number of range(3)) {
      expect(jobs.started).toEqual(range(number + 1));
      jobs.finish(number);
    }
  });

  test('a concurrency of Infinity lets none wait', () => {
    const { limit, jobs } = setUp(Number.POSITIVE_INFINITY, 1000);
    expect(jobs.started).toEqual(range(1000));
    expect(counts(limit)).toEqual({ activeCount: 1000, pendingCount: 0 });
  });

  test('a job that is done at once leaves its slot to the next', () => {
    const limit = createLimiter(1);
    const started: number[] = [];
    for (const number of range(3)) {
      limit((done) => {
        started.push(number);
        done();
      });
    }
    expect(started).toEqual([0, 1, 2]);
  });

  test('limiters know nothing of each other', () => {
    const first = setUp(1, 1);
    const second = setUp(1, 1);
    expect(second.jobs.started).toEqual([0]);
    first.jobs.finish(0);
    expect(counts(second.limit)).toEqual({ activeCount: 1, pendingCount: 0 });
  });
});

describe('random durations', () => {
  test('never more jobs run than may, all run, and they start in order', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.integer({ min: 1, max: 5 }),
        fc.nat(30),
        async (scheduler, concurrency, count) => {
          const limit = createLimiter(concurrency);
          const started: number[] = [];
          let running = 0;
          let most = 0;
          for (const number of range(count)) {
            limit((done) => {
              started.push(number);
              most = Math.max(most, ++running);
              void scheduler.schedule(Promise.resolve()).then(() => {
                running--;
                done();
              });
            });
          }
          await scheduler.waitIdle();
          expect(started).toEqual(range(count));
          expect(most).toBe(Math.min(concurrency, count));
          expect(counts(limit)).toEqual({ activeCount: 0, pendingCount: 0 });
        },
      ),
    );
  });

  /** What may be done to a limiter, and what becomes of a list that waits and a set that runs. */
  const steps = fc.array(
    fc.oneof(
      { weight: 5, arbitrary: fc.constant({ add: true } as const) },
      { weight: 5, arbitrary: fc.record({ finish: fc.nat() }) },
      { weight: 1, arbitrary: fc.record({ concurrency: fc.integer({ min: 1, max: 4 }) }) },
      { weight: 1, arbitrary: fc.constant({ clear: true } as const) },
    ),
    { size: 'medium' },
  );

  test('whatever is added, finished, cleared and set, in whatever order, it is as in the model', () => {
    fc.assert(
      fc.property(steps, (steps) => {
        const { limit, jobs } = setUp(2, 0);
        const running = new Set<number>();
        const started: number[] = [];
        let waiting: number[] = [];
        let slots = 2;
        let next = 0;
        for (const step of steps) {
          if ('add' in step) {
            waiting.push(next);
            jobs.add(next++);
          } else if ('clear' in step) {
            waiting = [];
            limit.clear();
          } else if ('concurrency' in step) {
            slots = step.concurrency;
            limit.concurrency = slots;
          } else if (running.size > 0) {
            const number = [...running][step.finish % running.size] as number;
            running.delete(number);
            jobs.finish(number);
          }
          while (running.size < slots && waiting.length > 0) {
            const number = waiting.shift() as number;
            running.add(number);
            started.push(number);
          }
          expect(jobs.started).toEqual(started);
          expect(counts(limit)).toEqual({
            activeCount: running.size,
            pendingCount: waiting.length,
          });
        }
      }),
    );
  });
});

describe('counting', () => {
  test('before any job, both counts are 0', () => {
    expect(counts(createLimiter(2))).toEqual({ activeCount: 0, pendingCount: 0 });
  });

  test('a job that starts counts itself as active, and no longer as pending', () => {
    const limit = createLimiter(1);
    const seen: object[] = [];
    const job: Job = (done) => {
      seen.push(counts(limit));
      done();
      seen.push(counts(limit));
    };
    const jobs = new Jobs(limit);
    jobs.add(0);
    limit(job);
    limit(job);
    jobs.finish(0);
    expect(seen).toEqual([
      { activeCount: 1, pendingCount: 1 },
      { activeCount: 0, pendingCount: 1 },
      { activeCount: 1, pendingCount: 0 },
      { activeCount: 0, pendingCount: 0 },
    ]);
  });

  test('jobs that run are active, those behind them pending, and in the end both counts are 0', () => {
    const { limit, jobs } = setUp(2, 5);
    expect(counts(limit)).toEqual({ activeCount: 2, pendingCount: 3 });
    jobs.finish(0, 1);
    expect(counts(limit)).toEqual({ activeCount: 2, pendingCount: 1 });
    jobs.finish(2);
    expect(counts(limit)).toEqual({ activeCount: 2, pendingCount: 0 });
    jobs.finish(4, 3);
    expect(counts(limit)).toEqual({ activeCount: 0, pendingCount: 0 });
  });

  test('the counts can only be read', () => {
    const limit = createLimiter(1);
    for (const count of ['activeCount', 'pendingCount'] as const) {
      expect(() => Object.assign(limit, { [count]: 5 })).toThrow(TypeError);
    }
  });
});

describe('clear', () => {
  test('drops the jobs that wait, and leaves those that run their slots', () => {
    const { limit, jobs } = setUp(2, 5);
    limit.clear();
    expect(counts(limit)).toEqual({ activeCount: 2, pendingCount: 0 });
    jobs.add(5);
    expect(jobs.started).toEqual([0, 1]);
    jobs.finish(0, 1);
    expect(jobs.started).toEqual([0, 1, 5]);
    expect(counts(limit)).toEqual({ activeCount: 1, pendingCount: 0 });
  });

  test('from inside of a job drops those behind it', () => {
    const { limit, jobs } = setUp(1, 1);
    limit((done) => {
      limit.clear();
      done();
    });
    jobs.add(1, 2);
    jobs.finish(0);
    expect(jobs.started).toEqual([0]);
    expect(counts(limit)).toEqual({ activeCount: 0, pendingCount: 0 });
  });

  test('with nothing there does nothing', () => {
    const { limit, jobs } = setUp(1, 0);
    limit.clear();
    jobs.add(0);
    expect(jobs.started).toEqual([0]);
  });
});

describe('concurrency', () => {
  test('is what it was made with, and what it was set to', () => {
    const limit = createLimiter(3);
    expect(limit.concurrency).toBe(3);
    limit.concurrency = Number.POSITIVE_INFINITY;
    expect(limit.concurrency).toBe(Number.POSITIVE_INFINITY);
  });

  test('that is raised starts jobs that wait at once', () => {
    const { limit, jobs } = setUp(1, 5);
    limit.concurrency = 3;
    expect(jobs.started).toEqual([0, 1, 2]);
    expect(counts(limit)).toEqual({ activeCount: 3, pendingCount: 2 });
  });

  test('that is lowered lets the running jobs finish, and starts none until there is room', () => {
    const { limit, jobs } = setUp(3, 5);
    limit.concurrency = 1;
    expect(counts(limit)).toEqual({ activeCount: 3, pendingCount: 2 });
    jobs.finish(0, 1);
    expect(jobs.started).toEqual([0, 1, 2]);
    jobs.finish(2);
    expect(jobs.started).toEqual([0, 1, 2, 3]);
    jobs.finish(3);
    expect(jobs.started).toEqual([0, 1, 2, 3, 4]);
  });

  test('that a job sets counts from the next job on', () => {
    const { limit, jobs } = setUp(1, 1);
    limit(() => {
      limit.concurrency = 3;
    });
    jobs.add(1, 2, 3);
    jobs.finish(0);
    expect(jobs.started).toEqual([0, 1, 2]);
  });

  test.each([
    ['0', 0],
    ['-1', -1],
    ['1.5', 1.5],
    ['NaN', Number.NaN],
    ['-Infinity', Number.NEGATIVE_INFINITY],
    ["'5'", '5'],
    ['undefined', undefined],
    ['null', null],
  ])('of %s is refused, when it is made and when it is set', (quoted, wrong) => {
    const error = new RangeError(`concurrency ${quoted}: must be an integer from 1, or Infinity`);
    const { limit, jobs } = setUp(2, 3);
    for (const attempt of [
      () => createLimiter(wrong as number),
      () => {
        limit.concurrency = wrong as number;
      },
    ]) {
      expect(attempt).toThrow(RangeError);
      expect(attempt).toThrow(error);
    }
    expect(limit.concurrency).toBe(2);
    expect(jobs.started).toEqual([0, 1]);
  });
});

describe('jobs from inside of jobs', () => {
  test('run in the order they came, behind those that wait already', () => {
    const limit = createLimiter(1);
    const order: string[] = [];
    limit((done) => {
      order.push('outer begins');
      limit((innerDone) => {
        order.push('inner');
        innerDone();
      });
      order.push('outer ends');
      done();
    });
    expect(order).toEqual(['outer begins', 'outer ends', 'inner']);
  });

  test('get the slots that are free, once the job that adds them has returned', () => {
    const { limit, jobs } = setUp(3, 0);
    limit(() => jobs.add(0, 1, 2));
    expect(jobs.started).toEqual([0, 1]);
    expect(counts(limit)).toEqual({ activeCount: 3, pendingCount: 1 });
  });
});

describe('100 000 jobs', () => {
  const COUNT = 100_000;

  test('that are each done at once grow no stack', () => {
    const { limit, jobs } = setUp(1, 1);
    let ran = 0;
    for (let count = 0; count < COUNT; count++) {
      limit((done) => {
        ran++;
        done();
      });
    }
    expect(ran).toBe(0);
    jobs.finish(0);
    expect(ran).toBe(COUNT);
  });

  test('that each add the next one grow no stack', () => {
    const limit = createLimiter(1);
    let ran = 0;
    const job: Job = (done) => {
      if (++ran < COUNT) limit(job);
      done();
    };
    limit(job);
    expect(ran).toBe(COUNT);
  });

  test('that are each done later all run, within their bound', async () => {
    const limit = createLimiter(10);
    let ran = 0;
    let most = 0;
    await new Promise<void>((resolve) => {
      for (let count = 0; count < COUNT; count++) {
        limit((done) => {
          most = Math.max(most, limit.activeCount);
          queueMicrotask(() => {
            done();
            if (++ran === COUNT) resolve();
          });
        });
      }
    });
    expect(most).toBe(10);
    expect(counts(limit)).toEqual({ activeCount: 0, pendingCount: 0 });
  });
});

describe('a job that throws', () => {
  /** Runs a script in a process of its own: what an uncaught exception does can't be seen in here. */
  function run(script: string) {
    const folder = mkdtempSync(join(tmpdir(), 'limiter-'));
    try {
      for (const name of ['delivery/limiter', 'util/queue', 'errors']) {
        const source = readFileSync(join(__dirname, `../../lib/${name}.ts`), 'utf8');
        const { outputText } = transpileModule(source, {
          compilerOptions: { module: ModuleKind.CommonJS, target: ScriptTarget.ES2022 },
        });
        mkdirSync(dirname(join(folder, name)), { recursive: true });
        writeFileSync(join(folder, `${name}.js`), outputText);
      }
      const file = join(folder, 'script.js');
      writeFileSync(
        file,
        `const { createLimiter } = require('./delivery/limiter.js');
        const say = (...words) => process.stdout.write(words.join(' ') + '\\n');
        ${script}`,
      );
      const { status, stdout, stderr } = spawnSync(process.execPath, [basename(file)], {
        cwd: folder,
        encoding: 'utf8',
      });
      return { status, said: stdout.trim().split('\n'), stderr };
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  test('gives its slot back, and the others run', () => {
    const { said, status } = run(`
      process.on('uncaughtException', (error) => say('uncaught', error.message));
      const limit = createLimiter(1);
      let release;
      limit((done) => { release = done; });
      limit(() => { throw new Error('first') });
      limit((done) => { say('second runs'); done(); });
      limit(() => { throw new Error('third') });
      limit(() => say('fourth runs'));
      release();
      say('active', limit.activeCount, 'pending', limit.pendingCount);
    `);
    expect(said).toEqual([
      'second runs',
      'fourth runs',
      'active 1 pending 0',
      'uncaught first',
      'uncaught third',
    ]);
    expect(status).toBe(0);
  });

  test('harms neither who adds it nor who finishes the job before it', () => {
    const { said } = run(`
      process.on('uncaughtException', () => {});
      const limit = createLimiter(1);
      limit(() => { throw new Error() });
      say('added');
      limit((done) => queueMicrotask(() => { done(); say('finished'); }));
      limit(() => { throw new Error() });
    `);
    expect(said).toEqual(['added', 'finished']);
  });

  test('ends the process with its error, where nobody handles that', () => {
    const { status, stderr } = run(`
      createLimiter(1)(() => { throw new Error('of the job') });
      setImmediate(() => say('still there'));
    `);
    expect(status).toBe(1);
    expect(stderr).toContain('Error: of the job');
  });
});
