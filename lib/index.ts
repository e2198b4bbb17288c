// The declarations name node:http and Buffer, and TypeScript 6 looks into no @types unasked.
/// <reference types="node" preserve="true" />

export type { Client, ClientSendOptions } from './client/cursor.js';
export { createHub, type Hub } from './create-hub.js';
export { SseError, type SseErrorCode } from './errors.js';
export type { Serialize } from './frame.js';
export type { OpenOptions } from './http/open.js';
export type { HubStats } from './hub.js';
export type { EventId } from './log/event-id.js';
export type { Log, LogEntry, LogFollower, LogRecord } from './log/log.js';
export type { CloseOptions, HistoryOptions, HubOptions, Logger } from './options.js';
export type { AnyEvents, Publisher, SendArguments, SendOptions } from './publisher.js';
export { type SseHandler, type SseOptions, sse } from './sse.js';
