/** What `jetstream()` of `@nats-io/jetstream` 3 returns, by the members that identify it. */
export interface NatsClient {
  jetstreamManager(...args: never[]): Promise<unknown>;
  publish(...args: never[]): Promise<unknown>;
  readonly consumers: { get(...args: never[]): Promise<unknown> };
}

/** The members that the log uses. The package is not imported. */
export interface JetStream {
  jetstreamManager(checkApi: boolean): Promise<JetStreamManager>;
  publish(
    subject: string,
    payload: Uint8Array,
    options: { readonly msgID: string; readonly timeout: number },
  ): Promise<{ readonly seq: number; readonly duplicate: boolean }>;
  readonly consumers: {
    get(
      stream: string,
      options: {
        readonly opt_start_seq: number;
        readonly deliver_policy: 'by_start_sequence';
        readonly inactive_threshold: number;
        readonly filter_subjects?: string | string[];
      },
    ): Promise<OrderedConsumer>;
  };
}

export interface JetStreamManager {
  readonly streams: {
    info(stream: string): Promise<StreamInfo>;
    add(config: StreamConfig): Promise<StreamInfo>;
    update(stream: string, config: Partial<StreamConfig>): Promise<StreamInfo>;
    /** With `next_by_subj`, the first from there on. */
    getMessage(
      stream: string,
      query: { readonly seq: number; readonly next_by_subj?: string },
    ): Promise<StoredMessage | null>;
  };
}

interface StreamConfig {
  readonly name: string;
  readonly subjects: readonly string[];
  readonly description?: string;
  readonly storage: 'file';
  readonly discard: 'old';
  readonly max_msgs: number;
  /** In nanoseconds, as the next one; 0 is for ever. */
  readonly max_age: number;
  readonly duplicate_window: number;
  readonly num_replicas: number;
}

export interface StreamInfo {
  readonly config: { readonly description?: string; readonly subjects?: readonly string[] };
  readonly created: string;
  /** Left out by a single server. */
  readonly cluster?: { readonly leader?: string };
  readonly state: {
    readonly messages: number;
    readonly first_seq: number;
    readonly last_seq: number;
  };
}

export interface StoredMessage {
  readonly seq: number;
  readonly data: Uint8Array;
}

export interface OrderedConsumer {
  /** With `true`, what is known without asking. */
  info(cached: boolean): Promise<{ readonly name: string; readonly num_pending: number }>;
  consume(options: { readonly max_messages: number }): Promise<Messages>;
  fetch(options: { readonly max_messages: number; readonly expires: number }): Promise<Messages>;
  delete(): Promise<boolean>;
}

/** Messages as they arrive. */
export interface Messages extends AsyncIterable<DeliveredMessage> {
  stop(): void;
}

export interface DeliveredMessage extends StoredMessage {
  readonly info: { readonly consumer: string };
}

export function isJetStream(js: unknown): js is JetStream {
  const { jetstreamManager, publish, consumers } = (js ?? {}) as Partial<JetStream>;
  return (
    typeof jetstreamManager === 'function' &&
    typeof publish === 'function' &&
    typeof consumers?.get === 'function'
  );
}

/** The codes of those errors of JetStream that are handled. */
export const STREAM_NOT_FOUND = 10059;
export const STREAM_NAME_IN_USE = 10058;
/** Also the answer for the very same stream, while another connection makes it. */
export const SUBJECTS_OVERLAP = 10065;
