/**
 * Ends a command-line run with this code, when everything printed has left. Not by an empty event loop: after sockets were reset, Node 20
 * may spin for ever in its own clean-up (node::Environment::CleanupHandles).
 */
export function endProcess(exitCode: number): void {
  process.stdout.write('', () => process.exit(exitCode));
}
