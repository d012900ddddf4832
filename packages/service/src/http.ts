import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface HttpServer {
  readonly port: number
  /** Stops accepting, lets requests in flight end, and resolves when the last one has; idle connections are closed. */
  close(): Promise<void>
}

const closeIntervalMs = 20

/** Serves `application` on one address. @throws the listen error (EADDRINUSE, EACCES), before anything is served. */
export async function listen(
  application: RequestListener,
  address: { host: string; port: number },
): Promise<HttpServer> {
  // Longer than clients keep an idle connection, or one of their requests meets a connection that we just closed.
  const server = createServer({ keepAliveTimeout: 65_000 }, application)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(address.port, address.host, () => {
      server.off('error', reject)
      resolve()
    })
  })
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve, reject) => {
        // A connection that is busy now is idle, and kept, when its request has ended: so they are closed as they come.
        const closing = setInterval(() => {
          server.closeIdleConnections()
        }, closeIntervalMs)
        server.close((error) => {
          clearInterval(closing)
          if (error) reject(error)
          else resolve()
        })
      }),
  }
}
