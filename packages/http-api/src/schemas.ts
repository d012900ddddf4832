/** What is the same in the answers of every API; each adds its own fields to a problem. */
import { extendZodWithOpenApi } from '@asteasolutions/zod-to-openapi'
import { z } from 'zod'

extendZodWithOpenApi(z)

const fieldErrorSchema = z.strictObject({
  detail: z.string(),
  pointer: z.string().optional().openapi({ description: "JSON pointer into the request's body" }),
  parameter: z.string().optional().openapi({ description: 'Name of a query parameter' }),
  header: z.string().optional().openapi({ description: 'Name of a header' }),
})
export type FieldError = z.output<typeof fieldErrorSchema>

export const problemFields = {
  type: z.string(),
  title: z.string(),
  status: z.int().min(400).max(599),
  detail: z.string(),
  instance: z.string(),
  errors: z.array(fieldErrorSchema).optional(),
}
