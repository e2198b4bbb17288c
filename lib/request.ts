import { IncomingMessage, type ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';

/** A request of node:http, and so of Express and Connect, or of node:http2's compatibility API. */
export type Request = IncomingMessage | Http2ServerRequest;

/** A response of node:http, and so of Express and Connect, or of node:http2's compatibility API. */
export type Response = ServerResponse | Http2ServerResponse;

// biome-ignore lint/suspicious/noTsIgnore: it is an error only where Express's types are not installed.
/** @ts-ignore: without Express's types, this type is `any`, and not used below. */
type ExpressRequest = import('express').Request;

/** The request that a route's functions receive: Express's own, where its types are installed. */
export type RouteRequest = 0 extends 1 & ExpressRequest ? Request : ExpressRequest;

/** A function of the request, which may be declared with another type of request as well. */
export type OfRequest<Result> = { of(req: RouteRequest): Result }['of'];

/** Whether a request came over HTTP/2. Its line may claim to have, over a connection of HTTP/1. */
export function isHttp2(req: Request): req is Http2ServerRequest {
  return req.httpVersionMajor >= 2 && !(req instanceof IncomingMessage);
}
