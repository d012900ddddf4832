/** What a run leaves behind as data: `result.json` beside its history. It is an interface; README.md documents it. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { verdicts } from './experiment.ts'

const verdictSchema = z.enum(verdicts)

export const resultSchema = z.object({
  schemaVersion: z.literal(1),
  name: z.string(),
  claim: z.string(),
  refutedBy: z.string(),
  verdict: verdictSchema,
  /** What ended the run before its end; then the verdict is unknown. */
  error: z.string().nullable(),
  findings: z.array(
    z.object({
      statement: z.string(),
      verdict: verdictSchema,
      because: z.string(),
      evidence: z.array(z.unknown()),
    }),
  ),
  /** Lines of the history. */
  entries: z.int().nonnegative(),
  seed: z.int(),
  quick: z.boolean(),
  startedAt: z.iso.datetime(),
  durationMs: z.number(),
  machine: z.object({
    cores: z.int(),
    model: z.string(),
    memoryBytes: z.number(),
    platform: z.string(),
    node: z.string(),
  }),
  /** Of the components that took part; empty when none did. */
  versions: z.record(z.string(), z.string()),
  tables: z.array(z.object({ title: z.string(), head: z.array(z.string()), rows: z.array(z.array(z.string())) })),
  charts: z.array(
    z.object({
      title: z.string(),
      kind: z.enum(['line', 'bar']),
      x: z.string(),
      y: z.string(),
      yScale: z.enum(['linear', 'log']),
      series: z.array(
        z.object({
          name: z.string(),
          points: z.array(
            z.object({
              x: z.union([z.number(), z.string()]),
              y: z.number(),
              low: z.number().optional(),
              high: z.number().optional(),
            }),
          ),
        }),
      ),
    }),
  ),
  facts: z.array(z.object({ strategy: z.string(), against: z.string(), fact: z.string() })),
})
export type Result = Readonly<z.output<typeof resultSchema>>

/** Every result under `folder`, by name. One of an older shape is left out: running its experiment replaces it. */
export async function readResults(folder: string): Promise<readonly Result[]> {
  const names = await readdir(folder).catch(() => [])
  const texts = await Promise.all(
    names.toSorted().map((name) => readFile(join(folder, name, 'result.json'), 'utf8').catch(() => undefined)),
  )
  return texts.flatMap((text) => {
    const parsed = text === undefined ? undefined : resultSchema.safeParse(JSON.parse(text))
    return parsed?.success === true ? [parsed.data] : []
  })
}
