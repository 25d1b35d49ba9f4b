import { spawnSync } from 'node:child_process';

/** Random loss of packets by the kernel: needs root and iptables with its `statistic` match. */
export function packetLossMissing(): string | null {
  if (process.getuid?.() !== 0) return 'packet loss needs root (iptables)';
  const rule = dropRule(1, 0.5);
  const { status, error, stderr } = spawnSync('iptables', ['-C', ...rule], { encoding: 'utf8' });
  if (error !== undefined) return 'iptables is not installed';
  // 1: it understands the rule, which does not exist.
  if (status === 1 && /does a matching rule exist|Bad rule|No chain/.test(stderr)) return null;
  return `iptables cannot do it here: ${stderr.trim().split('\n')[0]}`;
}

/** While `work` runs, this part of all packets of this port of the loopback is lost, in both directions. */
export async function losingPackets(port: number, part: number, work: () => Promise<void>): Promise<void> {
  const rules = [dropRule(port, part), dropRule(port, part, '--sport')];
  for (const rule of rules) iptables('-I', rule);
  try {
    await work();
  } finally {
    for (const rule of rules) iptables('-D', rule);
  }
}

function dropRule(port: number, part: number, side: '--dport' | '--sport' = '--dport'): string[] {
  const random = ['-m', 'statistic', '--mode', 'random', '--probability', String(part)];
  return ['INPUT', '-i', 'lo', '-p', 'tcp', side, String(port), ...random, '-j', 'DROP'];
}

function iptables(action: '-I' | '-D', rule: readonly string[]): void {
  const { status, stderr } = spawnSync('iptables', [action, ...rule], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`iptables ${action} ${rule.join(' ')}: ${stderr}`);
}
