import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';

const ROOT = resolve(__dirname, '../..');
const LIB = join(ROOT, 'lib');

/**
 * Runs before the code: a server that listens on port 3000 gets a free one on loopback, and the test
 * is told which. A server on another port is an error.
 */
const SERVER_PRELOAD = `
import { Server } from 'node:net';

const { listen } = Server.prototype;
Server.prototype.listen = function (port, ...rest) {
  if (port !== 3000) throw new Error(\`listens on \${port}, not on 3000\`);
  this.once('listening', () => process.send(this.address().port));
  return listen.call(this, 0, ...(typeof rest[0] === 'string' ? rest : ['127.0.0.1', ...rest]));
};
`;

/** Runs before the code: what it uses of a browser. What it does to the page is printed. */
const BROWSER_PRELOAD = `
import { EventSource } from 'eventsource';

globalThis.EventSource = class extends EventSource {
  constructor(path) {
    super(new URL(path, process.env.ORIGIN));
  }
};
const { fetch } = globalThis;
globalThis.fetch = (path, init) => fetch(new URL(path, process.env.ORIGIN), init);
globalThis.document = {
  set title(text) { console.log('title:', text); },
  body: { append(text) { console.log('append:', text); } },
  // The first key that the test sends, whatever it listens to.
  addEventListener(_type, listener) { process.once('message', (key) => listener({ key })); },
};
globalThis.location = { reload: () => console.log('reload') };
`;

/** What the examples ask of curl, for machines without it. */
const CURL = `
import { Writable } from 'node:stream';
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    header: { type: 'string', short: 'H', multiple: true, default: [] },
    request: { type: 'string', short: 'X', default: 'GET' },
    'no-buffer': { type: 'boolean', short: 'N' },
  },
});
const headers = values.header.map((header) => header.split(': '));
const response = await fetch(positionals[0], { method: values.request, headers });
await response.body.pipeTo(Writable.toWeb(process.stdout));
`;

/** A project that has the package installed, as it is in lib/ now, in a folder of its own. */
export class Consumer {
  readonly folder = mkdtempSync(join(tmpdir(), 'express-sse-hub-consumer-'));
  readonly #programs = new Set<Program>();
  #files = 0;

  constructor(dependencies: readonly string[]) {
    const modules = join(this.folder, 'node_modules');
    for (const file of readdirSync(LIB, { recursive: true, encoding: 'utf8' })) {
      if (!file.endsWith('.ts')) continue;
      const target = join(modules, 'express-sse-hub', file.replace(/ts$/, 'js'));
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(target, toJavaScript(readFileSync(join(LIB, file), 'utf8')));
    }
    this.write('node_modules/express-sse-hub/package.json', {
      type: 'module',
      exports: './index.js',
    });
    for (const name of dependencies) {
      symlinkSync(join(ROOT, 'node_modules', name), join(modules, name), 'junction');
    }
    this.write('server-preload.mjs', SERVER_PRELOAD);
    this.write('browser-preload.mjs', BROWSER_PRELOAD);
    this.write('curl.mjs', CURL);
  }

  write(name: string, content: string | object): void {
    const text = typeof content === 'string' ? content : JSON.stringify(content);
    writeFileSync(join(this.folder, name), text);
  }

  /** Copies a folder of the repository into the project. */
  copy(folder: string): void {
    cpSync(join(ROOT, folder), join(this.folder, folder), { recursive: true });
  }

  /** Runs TypeScript on the server's side. */
  runServer(code: string): Program {
    return this.runFile(this.#save(toJavaScript(code)));
  }

  /** Runs a file of the project on the server's side. */
  runFile(file: string): Program {
    return this.#run(file, 'server-preload.mjs', {});
  }

  /** Runs JavaScript in what it takes for a page of that origin. */
  runInPage(code: string, origin: string): Program {
    return this.#run(this.#save(code), 'browser-preload.mjs', { ORIGIN: origin });
  }

  /** Runs curl, or what stands for it. */
  runCurl(args: readonly string[]): Program {
    const isThere = spawnSync('curl', ['--version']).error === undefined;
    return isThere
      ? this.#start('curl', ['--silent', '--show-error', ...args], process.env)
      : this.#start(process.execPath, ['curl.mjs', ...args], process.env);
  }

  stopPrograms(): void {
    for (const program of this.#programs) program.child.kill('SIGKILL');
    this.#programs.clear();
  }

  remove(): void {
    this.stopPrograms();
    rmSync(this.folder, { recursive: true, force: true });
  }

  #save(code: string): string {
    const file = `program-${this.#files++}.mjs`;
    this.write(file, code);
    return file;
  }

  #run(file: string, preload: string, env: NodeJS.ProcessEnv): Program {
    const preloadUrl = pathToFileURL(join(this.folder, preload)).href;
    return this.#start(process.execPath, ['--import', preloadUrl, file], {
      ...process.env,
      ...env,
    });
  }

  #start(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Program {
    const child = spawn(command, args, {
      cwd: this.folder,
      env,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    const program = new Program(child);
    this.#programs.add(program);
    return program;
  }
}

/** A program that runs in a process of its own. */
export class Program {
  /** What it has printed. */
  output = '';
  #errors = '';
  #port: number | undefined;
  #exitCode: number | null | undefined;
  readonly #watchers = new Set<() => void>();

  constructor(readonly child: ChildProcess) {
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.output += text;
      this.#changed();
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#errors += text;
    });
    child.on('message', (port: number) => {
      this.#port = port;
      this.#changed();
    });
    child.on('close', (code) => {
      this.#exitCode = code;
      this.#changed();
    });
  }

  /** Where its server listens, once it does. */
  async origin(): Promise<string> {
    await this.#until(() => this.#port !== undefined);
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Resolves once it has printed this. */
  async prints(text: string): Promise<void> {
    await this.#until(() => this.output.includes(text));
  }

  /** Resolves when it has ended by itself, without an error. */
  async end(): Promise<void> {
    await this.#until(() => this.#exitCode !== undefined);
    expect({ code: this.#exitCode, errors: this.#errors }).toEqual({ code: 0, errors: '' });
  }

  async #until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.#exitCode !== undefined) {
        throw new Error(`the program ended with ${this.#exitCode}:\n${this.output}${this.#errors}`);
      }
      await new Promise<void>((resolve) => this.#watchers.add(resolve));
    }
  }

  #changed(): void {
    for (const watcher of this.#watchers) watcher();
    this.#watchers.clear();
  }
}

function toJavaScript(code: string): string {
  return ts.transpileModule(code, {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ES2022 },
  }).outputText;
}

/**
 * What the compiler says of each of the programs, under this repository's strict settings. The
 * environment is what they may take for granted, as tsconfig.json says it; `express-sse-hub` is lib/.
 */
export function typeErrors(
  programs: ReadonlyMap<string, string>,
  environment: { readonly lib: readonly string[]; readonly types: readonly string[] },
): Map<string, string[]> {
  const { config } = ts.readConfigFile(join(ROOT, 'tsconfig.json'), ts.sys.readFile);
  const { options } = ts.convertCompilerOptionsFromJson(
    {
      ...config.compilerOptions,
      ...environment,
      // A piece of an example rarely uses all that it declares.
      noUnusedLocals: false,
      noUnusedParameters: false,
    },
    ROOT,
  );
  options.paths = {
    'express-sse-hub': [join(LIB, 'index.ts')],
    'express-sse-hub/client': [join(LIB, 'browser/connect.ts')],
    'express-sse-hub/react': [join(LIB, 'react/hooks.ts')],
  };

  const files = new Map([...programs].map(([name, code]) => [join(ROOT, name), code]));
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = (file) => files.has(file) || fileExists(file);
  host.readFile = (file) => files.get(file) ?? readFile(file);
  host.getSourceFile = (file, target, ...rest) => {
    const code = files.get(file);
    return code === undefined
      ? getSourceFile(file, target, ...rest)
      : ts.createSourceFile(file, code, target);
  };

  const program = ts.createProgram([...files.keys()], options, host);
  const errors = new Map<string, string[]>([...programs.keys()].map((name) => [name, []]));
  for (const { file, messageText } of ts.getPreEmitDiagnostics(program)) {
    const name = [...programs.keys()].find((key) => file?.fileName === join(ROOT, key));
    const message = ts.flattenDiagnosticMessageText(messageText, '\n');
    // What is wrong elsewhere is told with each of them.
    for (const key of name === undefined ? errors.keys() : [name]) errors.get(key)?.push(message);
  }
  return errors;
}
