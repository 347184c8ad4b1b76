// A webhook bot for muster: WEBHOOK_SECRET=whsec_... PORT=8080 node webhook-bot.mjs
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const key = Buffer.from(process.env.WEBHOOK_SECRET.replace(/^whsec_/, ""), "base64");

function isFromMuster(headers, body) {
  const stamp = headers["webhook-timestamp"];
  const ours = createHmac("sha256", key).update(`${headers["webhook-id"]}.${stamp}.`).update(body).digest();
  const same = (one) => one.length === ours.length && timingSafeEqual(one, ours);
  const theirs = (headers["webhook-signature"] ?? "").split(" ").map((one) => Buffer.from(one.slice(3), "base64"));
  return theirs.some(same) && Math.abs(Date.now() / 1000 - stamp) < 300;
}

function decide({ event, variables }) {
  if (event.type !== "message") return [];
  const count = (variables.messages ?? 0) + 1;
  return [{ type: "say", text: `Message ${count}: ${event.text.slice(0, 7000)}` }, { type: "set", name: "messages", value: count }];
}

const server = createServer(async (request, response) => {
  const body = Buffer.concat(await request.toArray());
  if (!isFromMuster(request.headers, body)) return response.writeHead(401).end();
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify({ actions: decide(JSON.parse(body)) }));
});
server.listen(process.env.PORT ?? 8080, "127.0.0.1", () => console.log("listening on port", server.address().port));
