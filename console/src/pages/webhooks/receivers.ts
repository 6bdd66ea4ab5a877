/** A small server that takes events, in Python. It needs no package. */
export const PYTHON_RECEIVER = `import hashlib
import hmac
import json
import os
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

SECRET = os.environ["AICP_WEBHOOK_SECRET"]
AT_MOST_S = 300
seen = set()


def is_genuine(signature, body):
    parts = dict(part.split("=", 1) for part in signature.split(",") if "=" in part)
    signed = parts.get("t", "").encode() + b"." + body
    expected = hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, parts.get("v1", "")):
        return False
    return abs(time.time() - int(parts["t"])) <= AT_MOST_S


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not is_genuine(self.headers.get("X-AICP-Signature", ""), body):
            return self.answer(401)
        event_id = self.headers["X-AICP-Event-Id"]
        if event_id not in seen:
            seen.add(event_id)
            print(json.loads(body))
        self.answer(204)

    def answer(self, status):
        self.send_response(status)
        self.end_headers()


HTTPServer(("", 8080), Receiver).serve_forever()
`;

/** The same for Node.js. */
export const NODE_RECEIVER = `import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const SECRET = process.env.AICP_WEBHOOK_SECRET;
const AT_MOST_S = 300;
const seen = new Set();

function isGenuine(signature, body) {
  const parts = Object.fromEntries(signature.split(",").map((part) => part.split("=", 2)));
  const expected = createHmac("sha256", SECRET).update(\`\${parts.t}.\`).update(body).digest();
  const sent = Buffer.from(parts.v1 ?? "", "hex");
  if (sent.length !== expected.length || !timingSafeEqual(sent, expected)) return false;
  return Math.abs(Date.now() / 1000 - Number(parts.t)) <= AT_MOST_S;
}

createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  if (!isGenuine(request.headers["x-aicp-signature"] ?? "", body)) {
    return response.writeHead(401).end();
  }
  const eventId = request.headers["x-aicp-event-id"];
  if (!seen.has(eventId)) {
    seen.add(eventId);
    console.log(JSON.parse(body));
  }
  response.writeHead(204).end();
}).listen(8080);
`;
