"""A webhook bot for muster: WEBHOOK_SECRET=whsec_... PORT=8080 python3 webhook_bot.py"""
import base64, hmac, json, os, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
KEY = base64.b64decode(os.environ["WEBHOOK_SECRET"].removeprefix("whsec_"))

def is_from_muster(headers, body):
    stamp = headers.get("webhook-timestamp", "")
    mac = hmac.digest(KEY, f"{headers.get('webhook-id')}.{stamp}.".encode() + body, "sha256")
    theirs = headers.get("webhook-signature", "").encode().split()
    return any(hmac.compare_digest(b"v1," + base64.b64encode(mac), one) for one in theirs) and abs(time.time() - int(stamp)) < 300
def decide(turn):
    if turn["event"]["type"] != "message": return []
    count = turn["variables"].get("messages", 0) + 1
    reply = {"type": "say", "text": f"Message {count}: {turn['event']['text'][:7000]}"}
    return [reply, {"type": "set", "name": "messages", "value": count}]

class Bot(BaseHTTPRequestHandler):
    protocol_version, log_message = "HTTP/1.1", lambda *_: None
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        genuine = is_from_muster(self.headers, body)
        answer = json.dumps({"actions": decide(json.loads(body))} if genuine else {}).encode()
        head = f"HTTP/1.1 {200 if genuine else 401} \r\ncontent-type: application/json\r\ncontent-length: {len(answer)}\r\n\r\n"
        self.wfile.write(head.encode() + answer)

server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", 8080))), Bot)
print("listening on port", server.server_port, flush=True)
server.serve_forever()
