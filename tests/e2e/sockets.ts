/** What a process has yet to read, as Linux shows it in /proc. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** The most that waits in one of the process's connections to `port`, in bytes: an answer that it has not looked at. */
export function unreadBytes(pid: number, port: number): number {
  const own = new Set(socketInodes(pid))
  return readFileSync(`/proc/${pid}/net/tcp`, 'utf8')
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/u))
    .filter(([, , remote, , , , , , , inode]) => own.has(inode ?? '') && hexAfterColon(remote) === port)
    .reduce((most, [, , , , queues]) => Math.max(most, hexAfterColon(queues)), 0)
}

function socketInodes(pid: number): readonly string[] {
  const folder = `/proc/${pid}/fd`
  return readdirSync(folder).flatMap((name) => /^socket:\[(\d+)\]$/u.exec(readlinkSync(`${folder}/${name}`))?.[1] ?? [])
}

/** The second half of `address:port` and of `written:unread`, both in hexadecimal. */
function hexAfterColon(field = ''): number {
  return Number.parseInt(field.split(':')[1] ?? '', 16)
}
