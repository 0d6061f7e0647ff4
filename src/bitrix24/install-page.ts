import { createHash } from 'node:crypto'

/** Tells Bitrix24 that the installation is complete. Before that it sends no events and shows no widgets. */
const FINISH = 'BX24.init(function () { BX24.installFinish() })'
const FINISH_HASH = `'sha256-${createHash('sha256').update(FINISH).digest('base64')}'`

export interface Page {
  readonly html: string
  readonly contentSecurityPolicy: string
}

/** The page that the portal shows in a frame after the installation. Only the portal may frame it. */
export function finishPage (portalOrigin: string): Page {
  return {
    html: page('The relay is installed', '<p>Edited messages now reach the open line. This page can be closed.</p>\n' +
      `<script src="https://api.bitrix24.com/api/v1/"></script>\n<script>${FINISH}</script>`),
    contentSecurityPolicy: `default-src 'none'; script-src https://api.bitrix24.com/api/v1/ ${FINISH_HASH}; frame-ancestors ${portalOrigin}; base-uri 'none'; form-action 'none'`,
  }
}

const UNFRAMED = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

export function grantedPage (): Page {
  return { html: page('The relay is connected', '<p>The tokens are renewed and delivery continues. This page can be closed.</p>'), contentSecurityPolicy: UNFRAMED }
}

export function purposePage (): Page {
  return {
    html: page('imconnector-relay', '<p>Give this address to Bitrix24 as the path for the initial installation of the local application: the portal posts the installation here.</p>'),
    contentSecurityPolicy: UNFRAMED,
  }
}

/** Constant text: a page never contains data of a request. */
function page (title: string, body: string): string {
  return `<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title}</title></head>\n` +
    `<body>\n<h1>${title}</h1>\n${body}\n</body>\n</html>\n`
}
