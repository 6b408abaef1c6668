// promise: JavaScript stands behind the same walls as Python
// outcome: ok
const fs = require('fs'), net = require('net'), { execFileSync } = require('child_process');

function refused(what, attempt) {
  try {
    attempt();
  } catch {
    return;
  }
  throw new Error(`BROKEN: ${what}`);
}
const status = fs.readFileSync('/proc/self/status', 'utf8');
// A kernel that does not tell of new privileges is asked about them by other tests.
const field = name => new RegExp(`^${name}:\\s*(\\S+)`, 'm').exec(status)?.[1] ?? '1';
if (process.getuid() === 0) throw new Error('BROKEN: root');
if (/[^0]/.test(field('CapEff')) || field('Seccomp') !== '2' || field('NoNewPrivs') !== '1') throw new Error('BROKEN: walls');
refused('/etc/shadow', () => fs.readFileSync('/etc/shadow'));
refused('/usr', () => fs.writeFileSync('/usr/planted', ''));
// gVisor shows one's own processes whole.
const gvisor = fs.readFileSync('/proc/cmdline', 'utf8').includes('gvisor');
if (!gvisor) refused("the guest's environment", () => fs.readFileSync('/proc/1/environ'));
refused('a namespace', () => execFileSync('unshare', ['-Ur', 'true'], { stdio: 'ignore' }));
refused('a shell as root', () => execFileSync('su', ['-c', 'true'], { stdio: 'ignore' }));
for (const name of Object.keys(process.env)) {
  if (/SECRET|TOKEN|PASSWORD|_KEY$|AWS_|SSH_|CARGO/.test(name)) throw new Error(`BROKEN: ${name} is set`);
}
await new Promise((held, broken) => {
  const probe = net.connect({ host: '169.254.169.254', port: 80, timeout: 2000 });
  probe.on('connect', () => broken(new Error('BROKEN: the network')));
  probe.on('error', held);
  probe.on('timeout', () => broken(new Error('BROKEN: it waited for the network')));
});
console.log('HELD');
