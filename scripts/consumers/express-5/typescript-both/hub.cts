import { createHub, type Hub } from 'express-sse-hub';

export const hub: Hub = createHub();
