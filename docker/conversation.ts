import { createConnector } from '../demo/connector.ts'
import { scenes, toOriginal, toWebhookData } from '../demo/story.ts'

/** Puts a conversation into the sandbox's open line, so that there is something to edit, and says how to edit it. */
const connector = await createConnector({ portalUrl: `http://127.0.0.1:${process.env.PORT ?? '4000'}` })
await connector.send(scenes.map(toOriginal))

const [first] = scenes
if (first === undefined) throw new Error('the conversation has no message')
const edit = toWebhookData(first, { atS: 0, text: 'Good evening' }, Math.floor(Date.now() / 1000))
console.log(`
The open line, live    http://127.0.0.1:4000/
The relay              http://127.0.0.1:3001   POST /webhooks/default

Edit its first message from another terminal:

  echo '${JSON.stringify(edit)}' | docker compose --profile sandbox exec -T relay-sandbox node src/cli.ts send -
`)
