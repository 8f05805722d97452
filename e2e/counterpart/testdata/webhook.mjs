// Checks a message of a webhook with the library standardwebhooks of npm.
import { createRequire } from "node:module";

const [folder, secret, headers, body] = process.argv.slice(2);
const { Webhook } = createRequire(folder + "/node_modules/")("standardwebhooks");
const webhook = new Webhook(secret);
const message = webhook.verify(body, JSON.parse(headers));
let refuses = false;
try {
  webhook.verify(body + " ", JSON.parse(headers));
} catch {
  refuses = true;
}
console.log(JSON.stringify({ type: message.type, refuses }));
