import { z } from 'zod'
import { isLoopback } from '../base/loopback.ts'

/** The keys of a channel whose messenger can be asked for clients' names. */
export const API_KEYS = {
  apiToken: z.string('must be a string').regex(/^[\x21-\x7e]{16,1000}$/, 'must be an access token of the messenger\'s API').optional(),
  // The token goes there, so that it is the vendor's own address wherever a mistake could matter.
  apiUrl: z.string().refine(value => /^https?:/.test(value) && URL.canParse(value) && isLoopback(new URL(value)), 'is for tests only and must name this machine, such as http://127.0.0.1:4010').optional(),
}
