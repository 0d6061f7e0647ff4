import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { crc32, deflateSync, inflateSync } from 'node:zlib'
import t from 'tap'
import { toPalette } from '../../demo/png.ts'

const root = join(import.meta.dirname, '../..')
const readme = readFileSync(join(root, 'README.md'), 'utf8')

for (const name of ['overview', 'edit']) {
  t.test(`the README shows a small picture of the console: ${name}`, async t => {
    t.ok(readme.includes(`](docs/pictures/${name}.png)`))
    const picture = readFileSync(join(root, `docs/pictures/${name}.png`))
    t.equal(picture.readUInt32BE(16), 1000, 'its width')
    t.ok(picture.length < 60 * 1024, `${picture.length} bytes`)
  })
}

t.test('a picture keeps its pixels when it gets a palette, however its rows were written', async t => {
  // Each row has another filter; all are [10, 20, 30], [40, 50, 60].
  const rows = [
    [0, 10, 20, 30, 40, 50, 60],
    [1, 10, 20, 30, 30, 30, 30],
    [2, 0, 0, 0, 0, 0, 0],
    [3, 5, 10, 15, 15, 15, 15],
    [4, 0, 0, 0, 0, 0, 0],
  ]
  const header = Buffer.from([0, 0, 0, 2, 0, 0, 0, rows.length, 8, 2, 0, 0, 0])
  const picture = toPalette(Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), chunk('IHDR', header), chunk('IDAT', deflateSync(Buffer.from(rows.flat()))), chunk('IEND', Buffer.alloc(0))]))
  const part = (type: string) => {
    const at = picture.indexOf(type)
    return picture.subarray(at + 4, at + 4 + picture.readUInt32BE(at - 4))
  }
  t.strictSame([...part('PLTE')], [10, 20, 30, 40, 50, 60])
  t.strictSame([...inflateSync(part('IDAT'))], rows.flatMap(() => [0, 0, 1]))
})

function chunk (type: string, data: Buffer): Buffer {
  const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)]
  length.writeUInt32BE(data.length)
  check.writeUInt32BE(crc32(Buffer.concat([Buffer.from(type), data])))
  return Buffer.concat([length, Buffer.from(type), data, check])
}
