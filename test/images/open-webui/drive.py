"""
Starts the server as the image does, but within this process, uses it over HTTP as a page would, and writes down which files the
process has imported: drive.py FOLDER-OF-FILES RESULT. The model is a stand-in on the same loopback, and the only one here: it
answers anything, and keeps what it was asked. Only the standard library is imported, so that all else is the server's.
"""
import hashlib, http.client, http.server, json, os, sys, threading, time, traceback, uuid

MODEL_PORT, UI_PORT = 8081, 8080
KINDS = ["txt", "md", "csv", "html", "docx", "pptx", "xlsx", "pdf"]
asked = []

class StandIn(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *_): pass
    def do_GET(self): self.reply({"object": "list", "data": [{"id": "stand-in", "object": "model", "owned_by": "test"}]})
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        asked.append((self.path, json.dumps(body)))
        if self.path.endswith("/embeddings"):
            texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
            data = [{"object": "embedding", "index": i, "embedding": vector(text)} for i, text in enumerate(texts)]
            return self.reply({"object": "list", "model": body["model"], "data": data, "usage": {"prompt_tokens": 1, "total_tokens": 1}})
        if not body.get("stream"):
            return self.reply({"id": "1", "object": "chat.completion", "created": 1, "model": "stand-in", "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Aye"}}]})
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        for delta in [{"role": "assistant", "content": "A"}, {"content": "ye"}]:
            piece = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "stand-in", "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
            self.wfile.write(f"data: {json.dumps(piece)}\n\n".encode())
        self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True
    def reply(self, value):
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

def vector(text):
    return [byte / 255 for byte in hashlib.sha256(text.encode()).digest()]

token = None
def call(method, path, body=None, **more):
    status, content = answer(method, path, body, **more)
    if status != 200: raise Exception(f"{method} {path}: {status} {content!r:.400}")
    return content

def answer(method, path, body=None, *, kind="application/json"):
    connection = http.client.HTTPConnection("127.0.0.1", UI_PORT, timeout=60)
    headers = {"origin": f"http://127.0.0.1:{UI_PORT}"}
    if token: headers["authorization"] = "Bearer " + token
    if body is not None:
        headers["content-type"] = kind
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
    connection.request(method, path, body, headers)
    found = connection.getresponse()
    content = found.read()
    return found.status, json.loads(content) if "json" in found.getheader("content-type", "") else content

def upload(name):
    boundary = uuid.uuid4().hex
    content = open(os.path.join(sys.argv[1], name), "rb").read()
    body = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: application/octet-stream\r\n\r\n'.encode()
    body += content + f"\r\n--{boundary}--\r\n".encode()
    return call("POST", "/api/v1/files/?process=true&process_in_background=false", body, kind="multipart/form-data; boundary=" + boundary)["id"]

def open_socket():
    """What carries a page's answers; its first frame says that the server's side of it is there."""
    connection = http.client.HTTPConnection("127.0.0.1", UI_PORT, timeout=60)
    headers = {"origin": f"http://127.0.0.1:{UI_PORT}", "connection": "Upgrade", "upgrade": "websocket", "sec-websocket-version": "13", "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA=="}
    connection.request("GET", "/ws/socket.io/?EIO=4&transport=websocket", headers=headers)
    stream = connection.sock.makefile("rb")
    assert b" 101 " in stream.readline()
    while stream.readline().strip(): pass
    stream.read(2)
    assert stream.read(1) == b"0"
    connection.close()

def wait_for(what, probe):
    for _ in range(600):
        try:
            found = probe()
            if found: return found
        except (OSError, http.client.HTTPException): pass
        time.sleep(0.1)
    raise Exception("Waited too long for " + what)

def ask(content, **more):
    return call("POST", "/api/chat/completions", {"model": "stand-in", "messages": [{"role": "user", "content": content}], "stream": False, **more})

def use():
    global token
    wait_for("health", lambda: call("GET", "/health"))
    for page in ["/", "/ready", "/health/db", "/api/config", "/manifest.json", "/opensearch.xml"]: call("GET", page)
    open_socket()
    token = call("POST", "/api/v1/auths/signup", {"name": "First", "email": "first@example.org", "password": "of-this-test-alone"})["token"]
    call("POST", "/api/v1/auths/add", {"name": "Second", "email": "second@example.org", "password": "of-this-test-alone", "role": "user"})
    token = call("POST", "/api/v1/auths/signin", {"email": "first@example.org", "password": "of-this-test-alone"})["token"]
    for page in ["/api/config", "/api/models", "/api/version/updates", "/api/changelog", "/api/v1/users/", "/api/v1/retrieval/config"]: call("GET", page)

    assert ask("Hello")["choices"][0]["message"]["content"] == "Aye"
    assert b"[DONE]" in call("POST", "/api/chat/completions", {"model": "stand-in", "messages": [{"role": "user", "content": "Hello"}], "stream": True})
    reply, question = str(uuid.uuid4()), str(uuid.uuid4())
    chat = ask("As a page does", stream=True, parent_id=None, id=reply, session_id="none", background_tasks={}, user_message={"id": question, "parentId": None, "childrenIds": [reply], "role": "user", "content": "As a page does", "models": ["stand-in"], "timestamp": 1})
    wait_for("the stored answer", lambda: call("GET", "/api/v1/chats/" + chat["chat_id"])["chat"]["history"]["messages"][reply].get("done"))

    base = call("POST", "/api/v1/knowledge/create", {"name": "Harbours", "description": "When they open"})["id"]
    for kind in KINDS:
        file = upload("planted." + kind)
        status = wait_for("planted." + kind, lambda: (lambda found: found if found["status"] != "pending" else None)(call("GET", f"/api/v1/files/{file}/process/status")))
        assert status["status"] == "completed", (kind, status)
        asked.clear()
        ask("When does it open?", files=[{"type": "file", "id": file}])
        assert any("chat/completions" in path and f"The harbour of {kind} opens at dawn" in body for path, body in asked), (kind, asked)
        call("POST", f"/api/v1/knowledge/{base}/file/add", {"file_id": file})
    found = call("POST", "/api/v1/retrieval/query/collection", {"collection_names": [base], "query": "The harbour", "k": 8})
    assert len(found["documents"][0]) == len(KINDS), found
    asked.clear()
    ask("Which?", files=[{"type": "collection", "id": base}])
    assert any("The harbour of" in body and "chat/completions" in path for path, body in asked), asked

def look():
    """What the switches have made of it, as an administrator sees it."""
    address = f"http://127.0.0.1:{MODEL_PORT}/SKILL.md"
    routes = ["retrieval/process/web", "skills/load/url", "functions/load/url", "tools/load/url"]
    return {
        "config": call("GET", "/api/config"),
        "updates": call("GET", "/api/version/updates"),
        "fetches": [answer("POST", "/api/v1/" + route, {"url": address})[0] for route in routes],
    }

def drive():
    result = {"error": None, "files": []}
    try:
        use()
        result["seen"] = look()
        modules = list(sys.modules.values())
        result["files"] = sorted({file for module in modules if isinstance(file := getattr(module, "__file__", None), str)})
    except BaseException:
        result["error"] = traceback.format_exc()
    finally:
        with open(sys.argv[2], "w") as out: json.dump(result, out)
        server.should_exit = True

model = http.server.ThreadingHTTPServer(("127.0.0.1", MODEL_PORT), StandIn)
threading.Thread(target=model.serve_forever, daemon=True).start()
import uvicorn
server = uvicorn.Server(uvicorn.Config("open_webui.main:app", host="127.0.0.1", port=UI_PORT, log_level="warning"))
threading.Thread(target=drive, daemon=True).start()
server.run()
