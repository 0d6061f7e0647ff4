import { z } from 'zod'
import { compileExpression, ExpressionFault, type Evaluate } from './expression.ts'
import { handshakesSchema } from './handshakes.ts'
import { verificationSchema } from './verification.ts'

/** JSONata in one string, or in a list of its lines: JSON has no strings of many lines. */
function expression (name: string) {
  const remedy = 'must be JSONata: a text, or a list of its lines'
  return z.union([z.string(), z.array(z.string()).transform(lines => lines.join('\n'))], remedy).transform((source, context): Evaluate => {
    try {
      return compileExpression(source, name)
    } catch (error) {
      if (!(error instanceof ExpressionFault)) throw error
      context.issues.push({ code: 'custom', input: source, message: `is not usable: ${error.message}` })
      return z.NEVER
    }
  })
}

const reply = z.strictObject({
  status: z.int().min(200).max(299, 'must be from 200 to 299').default(200),
  body: z.json().default(''),
  contentType: z.string().regex(/^[\w.+-]+\/[\w.+-]+(; ?[\w-]+=[\w-]+)*$/, 'must be a media type such as text/xml').optional(),
}).refine(({ body, contentType }) => contentType === undefined || typeof body === 'string', 'must have a text as its body when it has a contentType')

/** The keys of a custom channel. The expressions are compiled as they are read, so that a faulty one stops the start. */
export const keys = {
  verify: verificationSchema,
  handshakes: handshakesSchema,
  reply: reply.default({ status: 200, body: '' }),
  forEach: expression('forEach').optional(),
  filter: expression('filter').optional(),
  map: expression('map'),
  client: expression('client').optional(),
  unreadable: z.enum(['acknowledge', 'refuse'], 'must be acknowledge or refuse').default('acknowledge'),
}

export type Settings = z.output<z.ZodObject<typeof keys>>
