// The declarations name node:http and Buffer, and TypeScript 6 looks into no @types unasked.
/// <reference types="node" preserve="true" />

export type { Client, ClientSendOptions, SendFromOptions } from './client/client.js';
export { createHub, type Hub } from './create-hub.js';
export { SseError, type SseErrorCode } from './errors.js';
export type { Serialize } from './frame.js';
export type { Headers } from './http/head.js';
export type { Request, Response, RouteRequest } from './http/message.js';
export type { OpenOptions } from './http/route-options.js';
export type { EventId } from './log/event-id.js';
export type { Log, LogEntry, LogFollower, LogRecord } from './log/log.js';
export type { CloseOptions, HistoryOptions, HubOptions } from './options.js';
export type {
  AnyEvents,
  MessageData,
  Publisher,
  SendArguments,
  SendOptions,
} from './publisher.js';
export { type Next, type SseHandler, type SseOptions, sse } from './sse.js';
export type { HubStats } from './stats.js';
export type { Logger } from './util/logger.js';
export type { Gap, GapReason } from './window/gap.js';
