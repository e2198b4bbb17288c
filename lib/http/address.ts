import { isIPv6 } from 'node:net';
import type { Request } from '../request.js';

/** Of an IPv6 address, the first 64 bits are the network of one customer, who may use any of the rest. */
const NETWORK_GROUPS = 4;
const GROUPS = 8;

/**
 * The key of clients that the route has none for: their address. An IPv4 address is the same one where IPv6 carries
 * it, and of an IPv6 address the network counts. Undefined behind a socket that knows no addresses.
 */
export function addressOf(req: Request & { readonly ip?: string | undefined }): string | undefined {
  const address = req.ip || req.socket.remoteAddress;
  if (address === undefined || !isIPv6(address)) return address || undefined;
  const [, ipv4] = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address) ?? [];
  return ipv4 ?? networkOf(address);
}

function networkOf(address: string): string {
  const [head = '', end] = address.replace(/%.*$/, '').split('::');
  const groups = head === '' ? [] : head.split(':');
  // `::` stands for as many groups of zeros as are missing.
  const rest = end === undefined || end === '' ? [] : end.split(':');
  while (groups.length < GROUPS - rest.length) groups.push('0');
  const network = [...groups, ...rest].slice(0, NETWORK_GROUPS);
  return `${network.map((group) => Number.parseInt(group, 16).toString(16)).join(':')}::/64`;
}
