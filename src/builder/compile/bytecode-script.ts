/**
 * What Python runs in the sandbox. One process a file, forked from one that has compiled nothing: what marshal writes depends on
 * which strings are in use already, so every file must meet the same interpreter, in whatever order and however many at a time.
 */
export const BYTECODE_SCRIPT = `
import json, os, py_compile, sys, traceback

def compile_one(source, target):
    try:
        py_compile.compile(
            source, cfile=target, dfile=source, doraise=True, optimize=0,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    except py_compile.PyCompileError:
        pass  # For another version of Python, or a template: it was never to be imported.

def start(source, target):
    child = os.fork()
    if child != 0:
        return child
    code = 1
    try:
        compile_one(source, target)
        code = 0
    except BaseException:
        traceback.print_exc()
    os._exit(code)

def wait(children):
    child, status = os.wait()
    children.discard(child)
    if status != 0:
        sys.exit(f"a compilation ended with status {status}")

with open("/build/own/sources.json") as file:
    sources = json.load(file)
jobs = int(os.environ["JOBS"])
children = set()
for number, source in enumerate(sources):
    if len(children) == jobs:
        wait(children)
    children.add(start(source, f"/build/obj/{number}"))
    if number % 500 == 0:
        print(f"[{number}/{len(sources)}] {source}", flush=True)
while children:
    wait(children)

sizes = []
with open("/out/bytecode", "wb") as out:
    for number in range(len(sources)):
        try:
            with open(f"/build/obj/{number}", "rb") as file:
                sizes.append(out.write(file.read()))
        except FileNotFoundError:
            sizes.append(0)
with open("/out/sizes.json", "w") as out:
    json.dump(sizes, out)
`;
