/** What a sink was about to write: the documents in the bytes that it sent to Redis. */
import { z } from 'zod'

/** Of a row, or of the document that is made of it. */
export const identitySchema = z.object({ id: z.uuid(), revision: z.int() })

/** Redis' protocol puts every argument on a line of its own, and JSON has no line breaks. Pure. */
export function documentsIn(bytes: Buffer): readonly { readonly order: string; readonly revision: number }[] {
  return bytes
    .toString('utf8')
    .split('\r\n')
    .slice(0, -1)
    .filter((line) => line.startsWith('{'))
    .map((line) => {
      const { id, revision } = identitySchema.parse(JSON.parse(line))
      return { order: id, revision }
    })
}
