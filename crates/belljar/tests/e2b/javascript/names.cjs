// Names below the domain of a test lead to this machine, as its DNS would say.
'use strict';

const dns = require('node:dns');

const domain = (process.env.E2B_DOMAIN ?? '').split(':')[0];
if (domain.endsWith('.localhost')) {
  const lookup = dns.lookup;
  dns.lookup = (host, options, callback) => lookup(host.endsWith(domain) ? '127.0.0.1' : host, options, callback);
}
