import t from 'tap'
import { targetUrl } from '../../src/forward/request.ts'

const target = (upstream: string, method: 'GET' | 'POST', query: string) => {
  const { pathname, search } = targetUrl(upstream, { method, query })
  return pathname + search
}

t.test('a webhook goes to the address that was configured, whatever its sender writes behind the relay\'s', async t => {
  t.equal(target('https://connector.example/hook', 'POST', 'a=1'), '/hook')
  t.equal(target('https://connector.example/hook?token=a%20b+c', 'POST', 'token=evil&x=1'), '/hook?token=a%20b+c')
  t.equal(target('https://connector.example', 'POST', '/../admin'), '/')
})

t.test('a question asked by GET has its query added, and changes no parameter of ours', async t => {
  t.equal(target('https://connector.example/hook', 'GET', 'hub.mode=subscribe&hub.challenge=115&hub.verify_token=t%26t'), '/hook?hub.mode=subscribe&hub.challenge=115&hub.verify_token=t%26t')
  t.equal(target('https://connector.example/hook?token=a%20b', 'GET', 'hub.challenge=1'), '/hook?token=a%20b&hub.challenge=1')
  t.equal(target('https://connector.example/hook', 'GET', ''), '/hook')
  t.equal(target('https://connector.example/hook?my.key=1', 'GET', 'my.key=2&my_key=3&my%20key=4&%20my.key=5&my.key[]=6&my.key[a]=7&Key=8'), '/hook?my.key=1&Key=8')
  t.equal(target('https://connector.example/hook', 'GET', 'a=\r\nx&b=%0d%0a&c=#d&"=<>'), '/hook?a=%0D%0Ax&b=%0D%0A&c=%23d&%22=%3C%3E', 'nothing in it leaves the query')
})
