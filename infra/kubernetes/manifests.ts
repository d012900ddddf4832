/** Reads the manifests of this folder and the schemas that they have to fit. */
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { parse, parseAllDocuments } from 'yaml'
import { z } from 'zod'

const folder = import.meta.dirname

export const documentSchema = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({ name: z.string() }),
})
export type Manifest = Readonly<z.output<typeof documentSchema>>

export interface ManifestFile {
  /** Relative to this folder. */
  readonly path: string
  readonly documents: readonly Manifest[]
}

/** Every file of ours that kustomize may apply, whether kustomization.yaml names it or not. */
export async function readManifests(): Promise<readonly ManifestFile[]> {
  const paths = (await readdir(folder, { recursive: true }))
    .filter((path) => path.endsWith('.yaml') && path !== 'kustomization.yaml')
    .sort()
  return Promise.all(
    paths.map(async (path) => ({
      path,
      documents: parseAllDocuments(await readFile(join(folder, path), 'utf8')).map((document) => {
        if (document.errors.length > 0) throw new Error(`${path}: ${String(document.errors[0])}`)
        return documentSchema.parse(document.toJS())
      }),
    })),
  )
}

export async function readKustomization(): Promise<{ readonly resources: readonly string[] }> {
  const text = await readFile(join(folder, 'kustomization.yaml'), 'utf8')
  return z.looseObject({ resources: z.array(z.string()) }).parse(parse(text))
}

/** What is wrong with a document, each fault with the place of it; nothing when it fits. */
export type Validate = (document: Readonly<Record<string, unknown>>) => readonly string[]

export async function readSchemas(): Promise<Validate> {
  const ajv = new Ajv2020({ allErrors: true, strict: false, validateFormats: false })
  const references = new Map<string, string>()
  for (const name of await readdir(join(folder, 'schemas'))) {
    if (!name.endsWith('.json')) continue
    const schema = z
      .looseObject({ $id: z.string(), kinds: z.record(z.string(), z.unknown()) })
      .parse(JSON.parse(await readFile(join(folder, 'schemas', name), 'utf8')))
    ajv.addSchema(schema)
    for (const kind of Object.keys(schema.kinds)) {
      references.set(kind, `${schema.$id}#/kinds/${encodeURIComponent(kind.replaceAll('/', '~1'))}`)
    }
  }
  return (document) => {
    const kind = `${String(document['apiVersion'])} ${String(document['kind'])}`
    const reference = references.get(kind)
    if (reference === undefined) return [`There is no schema of ${kind}`]
    const validate = ajv.getSchema(reference) ?? ajv.compile({ $ref: reference })
    if (validate(document) === true) return []
    return (validate.errors ?? []).map(
      ({ instancePath, message = '', params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
    )
  }
}
