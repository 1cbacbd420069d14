# SPDX-License-Identifier: Apache-2.0
"""A process with the modules of a large service, each used a little, and lost references among them.

usage: large_service.py FOLDER. Leaves the addresses of all that a walk of its own finds in `known`; prints
a line of JSON: the pid, the modules, the lost objects. Each line of stdin is a JSON list of addresses,
answered by what live_blocks knows of them.
"""

import live_blocks  # first of all: it sees blocks from now on

import asyncio
import gc
import importlib
import json
import os
import sys

import references
from truth import save, walk

FOLDER = sys.argv[1]
MODULES = """numpy pandas lxml.etree lxml.html grpc google.protobuf.struct_pb2 pydantic msgpack orjson ujson
simplejson yaml regex cffi cryptography.x509 cryptography.fernet PIL.Image aiohttp yarl multidict frozenlist
uvloop greenlet gevent.event zope.interface markupsafe jinja2 sqlalchemy psutil requests attrs click
rich.console networkx sortedcontainers bitarray charset_normalizer propcache urllib3 idna certifi""".split()


def use(m):
    """Something of each kind of object that such modules have; all of it is kept."""
    frame = m["pandas"].DataFrame({"n": range(300), "text": [f"row {i}" for i in range(300)]})
    model = m["pydantic"].create_model("Model", n=(int, ...), names=(list[str], ...))
    sa = m["sqlalchemy"]
    table = sa.Table("t", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True), sa.Column("x", sa.String))
    engine = sa.create_engine("sqlite://")
    table.metadata.create_all(engine)
    with engine.connect() as connection:
        connection.execute(table.insert(), [{"id": i, "x": f"x{i}"} for i in range(50)])
        rows = connection.execute(table.select()).fetchall()
    tree = m["lxml.etree"].fromstring("<a>" + "<b c='d'>e</b>" * 200 + "</a>")
    struct = m["google.protobuf.struct_pb2"].Struct()
    struct.update({f"k{i}": [i, str(i)] for i in range(50)})
    ffi = m["cffi"].FFI()
    ffi.cdef("struct s { int a; double b; };")
    graph = m["networkx"].path_graph(100)
    loop = m["uvloop"].new_event_loop()
    future = loop.create_future()
    event = m["gevent.event"].Event()
    waiting = m["greenlet"].greenlet(lambda: m["greenlet"].getcurrent().parent.switch([event]))
    waiting.switch()
    key = m["cryptography.fernet"].Fernet.generate_key()
    return [
        frame,
        frame.groupby("text").size(),
        frame["text"].to_numpy(),
        [model(n=i, names=[str(i)]) for i in range(100)],
        table,
        engine,
        rows,
        tree,
        list(tree),
        struct,
        ffi.new("struct s[10]"),
        graph,
        loop,
        future,
        event,
        waiting,
        m["cryptography.fernet"].Fernet(key),
        m["PIL.Image"].new("RGB", (64, 64)),
        m["multidict"].MultiDict((f"k{i}", [i]) for i in range(50)),
        m["frozenlist"].FrozenList([[i] for i in range(20)]),
        m["yarl"].URL("https://example.org/a?b=c"),
        m["jinja2"].Environment().from_string("{{ a }}{% for b in c %}{{ b }}{% endfor %}"),
        m["requests"].Session(),
        m["msgpack"].Packer(),
        m["regex"].compile(r"(?P<a>\w+)-(\d+)").match("ab-12"),
        m["sortedcontainers"].SortedDict((i, [i]) for i in range(100)),
        m["bitarray"].bitarray("0101" * 100),
        m["yaml"].safe_load("a: [1, 2, {b: c}]"),
        m["orjson"].loads(json.dumps({f"k{i}": [i, {"n": i}] for i in range(300)})),
        m["markupsafe"].Markup("<b>%s</b>") % "x",
        m["zope.interface"].interface.InterfaceClass("I"),
        m["numpy"].array([[i] for i in range(100)] + [None], dtype=object),
        asyncio.new_event_loop(),
    ]


class Request:
    def __init__(self, n):
        self.n = n


KINDS = [
    lambda i: Request(i),
    lambda i: [i],
    lambda i: {"n": i + 10**6},
    lambda i: f"text {i} of a leak",
    lambda i: b"bytes %d of a leak" % i,
    lambda i: (i + 10**6, [i]),
    lambda i: i + 10**12,
    lambda i: (lambda: i),
]


def main():
    modules = {name: importlib.import_module(name) for name in MODULES}
    kept = use(modules)
    gc.collect()
    gc.disable()
    lost, also = [], []
    for i in range(100):
        thing = KINDS[i % len(KINDS)](i)
        references.leak(thing)
        lost.append(id(thing))
        if i % 2:
            also.append(thing)
    del thing
    live_blocks.mark()
    save(walk(()), os.path.join(FOLDER, "known"))
    print(json.dumps({"pid": os.getpid(), "modules": len(modules), "lost": lost}), flush=True)
    live_blocks.wait_for_input()
    for line in iter(sys.stdin.readline, ""):
        print(json.dumps(live_blocks.states(json.loads(line))), flush=True)
    os._exit(0 if kept and also else 1)


if __name__ == "__main__":
    main()
