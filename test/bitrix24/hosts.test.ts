import t from 'tap'
import { allowedOAuthOrigin, defaultOAuthOrigin, pinnedOrigin } from '../../src/bitrix24/hosts.ts'

t.test('the OAuth server follows from the country of the portal\'s domain', async t => {
  for (const country of ['ru', 'am', 'az', 'ge', 'kz', 'kg', 'uz', 'by']) {
    t.equal(defaultOAuthOrigin(`https://example.bitrix24.${country}`), 'https://oauth.bitrix24.tech', country)
  }
  for (const domain of ['example.bitrix24.com', 'example.bitrix24.de', 'portal.example.com.br', 'crm.ru.com']) {
    t.equal(defaultOAuthOrigin(`https://${domain}`), 'https://oauth.bitrix.info', domain)
  }
  t.equal(defaultOAuthOrigin('http://127.0.0.1:4000'), 'http://127.0.0.1:4000')
})

t.test('only Bitrix24\'s two servers get the client secret, and a loopback one for a loopback portal', async t => {
  const portal = 'https://example.bitrix24.ru'
  t.equal(allowedOAuthOrigin(portal, 'https://oauth.bitrix24.tech/rest/'), 'https://oauth.bitrix24.tech')
  t.equal(allowedOAuthOrigin(portal, 'https://oauth.bitrix.info'), 'https://oauth.bitrix.info')
  for (const url of ['http://oauth.bitrix.info', 'https://oauth.bitrix.info.evil.com', 'https://oauth.bitrix.info:8443', 'https://oauth.bitrix.info@evil.com', 'http://127.0.0.1:4000', 'http://localhost', 'no address']) {
    t.equal(allowedOAuthOrigin(portal, url), null, url)
  }
  t.equal(allowedOAuthOrigin('http://127.0.0.1:4000', 'http://127.0.0.1:4000/rest/'), 'http://127.0.0.1:4000')
  t.equal(allowedOAuthOrigin('http://localhost:4000', 'http://[::1]:5000'), 'http://[::1]:5000')
  t.equal(allowedOAuthOrigin('http://127.0.0.1:4000', 'http://127.evil.com'), null)
})

t.test('a portal may be found at another host of its registrable domain only, and by https', async t => {
  const portal = 'https://old.bitrix24.ru'
  t.equal(pinnedOrigin(portal, 'https://old.bitrix24.ru/rest/'), 'https://old.bitrix24.ru')
  t.equal(pinnedOrigin(portal, 'https://new.bitrix24.ru/rest/x'), 'https://new.bitrix24.ru')
  t.equal(pinnedOrigin('https://crm.example.co.uk', 'https://portal.example.co.uk'), 'https://portal.example.co.uk')
  for (const url of ['http://new.bitrix24.ru', 'https://new.bitrix24.com', 'https://bitrix24.ru.evil.com', 'https://new.bitrix24.ru:8443', 'https://10.0.0.1', '/rest/', '']) {
    t.equal(pinnedOrigin(portal, url), null, url)
  }
  t.equal(pinnedOrigin('https://crm.example.co.uk', 'https://crm.other.co.uk'), null, 'a public suffix is no domain')
  t.equal(pinnedOrigin('http://127.0.0.1:4000', 'http://127.0.0.1:4000/rest/'), 'http://127.0.0.1:4000')
  t.equal(pinnedOrigin('http://127.0.0.1:4000', 'http://127.0.0.1:4001/rest/'), null)
  t.equal(pinnedOrigin('http://127.0.0.1:4000', 'http://localhost:4000/rest/'), null)
})
