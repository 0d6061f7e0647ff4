/*
 * All pages in one module, which the first request to the console loads: most starts of a relay are never followed by one.
 */

export { channelsPage } from './channels.ts'
export { deadPage } from './dead.ts'
export { editPage } from './edit.ts'
export { editsPage } from './edits.ts'
export { errorPage } from './message.ts'
export { overviewPage } from './overview.ts'
export { previewPage } from './preview.ts'
export { redeliveredPage, redeliverPage } from './redeliver.ts'
export { comeAgainPage, signInPage } from './sign-in.ts'
export { languages, texts } from './texts/texts.ts'
