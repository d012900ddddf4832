/**
 * Reads request bodies and writes answers: bounded, and compressed when the other side asks for it. Pure transport;
 * it knows no SQL.
 */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { pipeline, type Readable, type Transform } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate, gzip } from 'node:zlib'
import { promisify } from 'node:util'
import { EngineError } from './engine-error.ts'

/** The most a request's body may hold, after it was unpacked: about 400,000 orders in one INSERT. */
export const bodyBytesMax = 128 * 1024 * 1024

const gzipAsync = promisify(gzip)

/** @throws {EngineError} 307 (HTTP 413) beyond `bodyBytesMax`, 48 for an encoding we do not know. */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of decoded(request) as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes > bodyBytesMax) {
        throw new EngineError(
          307,
          'TOO_MANY_BYTES',
          `The body holds more than ${bodyBytesMax} bytes; send it in several INSERTs`,
        )
      }
      chunks.push(chunk)
    }
  } catch (error) {
    if (error instanceof EngineError) throw error
    throw new EngineError(354, 'ZLIB_INFLATE_FAILED', `The body cannot be read or unpacked: ${String(error)}`, {
      cause: error,
    })
  }
  return chunks.length === 1 ? (chunks[0] ?? Buffer.alloc(0)) : Buffer.concat(chunks)
}

function decoded(request: IncomingMessage): Readable {
  const encoding = request.headers['content-encoding'] ?? 'identity'
  const decompress = (stream: Transform): Readable =>
    // The reader of the result meets the error, so there is nothing to do with it here.
    pipeline(request, stream, () => undefined)
  switch (encoding) {
    case 'identity':
      return request
    case 'gzip':
      return decompress(createGunzip())
    case 'deflate':
      return decompress(createInflate())
    case 'br':
      return decompress(createBrotliDecompress())
    default:
      throw new EngineError(48, 'NOT_IMPLEMENTED', `Unknown Content-Encoding ${encoding}; use gzip, deflate or br`)
  }
}

/** As the real server: packed only when the client accepts it and set `enable_http_compression=1`. */
export async function encodeAnswer(
  bytes: Uint8Array,
  headers: IncomingHttpHeaders,
  compressionEnabled: boolean,
): Promise<{ readonly bytes: Uint8Array; readonly encoding: 'gzip' | undefined }> {
  const accepted = headers['accept-encoding'] ?? ''
  if (!compressionEnabled || !/\bgzip\b/.test(accepted)) return { bytes, encoding: undefined }
  return { bytes: await gzipAsync(bytes, { level: 3 }), encoding: 'gzip' }
}
