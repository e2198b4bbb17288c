// The declarations name node:http and Buffer, and TypeScript 6 looks into no @types unasked.
/// <reference types="node" preserve="true" />

export type { Client, ClientSendOptions, SendFromOptions } from './client/client.js';
export { createHub, type Hub } from './create-hub.js';
export type { SubscribeOptions } from './delivery/subscribe-options.js';
export type { HubEvent } from './delivery/subscriptions.js';
export { SseError, type SseErrorCode } from './errors.js';
export type { Serialize } from './frame.js';
export type { HistoryOptions, RoomHistoryOptions } from './history.js';
export type { Headers } from './http/head.js';
export type { OpenOptions } from './http/route-options.js';
export { type Drainable, type ShutDownOptions, shutDown } from './http/shut-down.js';
export type { EventId } from './log/event-id.js';
export type { Log, LogEntry, LogFollower, LogPage, LogRecord } from './log/log.js';
export type { CloseOptions, DrainOptions, HubOptions } from './options.js';
export type {
  AnyEvents,
  MessageData,
  Publisher,
  SendArguments,
  SendOptions,
} from './publisher.js';
export type { OfRequest, Request, Response, RouteRequest } from './request.js';
export { type Next, type SseHandler, type SseOptions, sse } from './sse.js';
export type { Start, StartOption } from './start.js';
export type { HubStats } from './stats.js';
export type { Logger } from './util/logger.js';
export type { Gap, GapReason } from './window/gap.js';
