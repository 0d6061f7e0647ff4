import fc from 'fast-check'
import { BadRequest } from '../../src/base/errors.ts'

const VALUES = fc.oneof(fc.jsonValue(), fc.constantFrom(null, [], {}, '', -1, 2 ** 53, 1e300, 'x'.repeat(2000)))

/**
 * Throws unless `parse` reads, or throws BadRequest at, every JSON: arbitrary ones, and the fixtures (JSON texts) with any one value replaced.
 * Anything else would be answered with a 500.
 */
export function fuzz (parse: (body: Buffer) => unknown, fixtures: readonly string[]): void {
  const read = (json: unknown): void => {
    try {
      parse(Buffer.from(JSON.stringify(json)))
    } catch (error) {
      if (!(error instanceof BadRequest)) throw error
    }
  }
  fc.assert(fc.property(fc.jsonValue(), read), { numRuns: 300 })
  fc.assert(fc.property(fc.constantFrom(...fixtures), fc.nat(), VALUES, (fixture, at, value) => { read(replaceOne(fixture, at, value)) }), { numRuns: 600 })
}

/** The same for a `parse` that promises, and takes longer. */
export async function fuzzPromised (parse: (body: Buffer) => Promise<unknown>, fixtures: readonly string[], numRuns = 200): Promise<void> {
  const read = async (json: unknown): Promise<void> => {
    await parse(Buffer.from(JSON.stringify(json))).catch((error: unknown) => {
      if (!(error instanceof BadRequest)) throw error
    })
  }
  await fc.assert(fc.asyncProperty(fc.jsonValue(), read), { numRuns: numRuns / 2 })
  await fc.assert(fc.asyncProperty(fc.constantFrom(...fixtures), fc.nat(), VALUES, async (fixture, at, value) => { await read(replaceOne(fixture, at, value)) }), { numRuns })
}

function replaceOne (fixture: string, at: number, value: unknown): unknown {
  let count = 0
  JSON.parse(fixture, (_, item: unknown) => { count++; return item })
  let index = 0
  return JSON.parse(fixture, (_, item: unknown) => index++ === at % count ? value : item)
}
