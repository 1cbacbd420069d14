// SPDX-License-Identifier: Apache-2.0
//
// Extension module `truth`: takes blocks of recognisable sizes and notes, for each, the Python stack
// that the interpreter's own public interface gives at that moment. compare.cc reads the notes.
//
//   open(path, capacity)   where save() writes; room for so many blocks
//   take(x=None)           takes one block, returns x. Size kBase + kind; kinds follow each other.
//   take_held, take_free   the same with the GIL held, or released around the allocation
//   Holder()               takes one block while it is destroyed
//   count()                blocks taken so far
//   save()                 writes the notes
//
// Kind, five bits: 1 GIL released around the allocation; 2 the stack is asked for after the
// allocation (else before; always before when the GIL is released); 4 + 8 entry point: malloc,
// calloc, realloc, posix_memalign; 16 the block is freed later, else at once.
//
// The notes: "TRUTH1\n\0", u64 strings, u64 frames, u64 nodes, u64 events, then per string u32 length
// and its bytes, per frame u32 name, file, line, per node u32 parent, frame (node 0: no frame), per
// event u32 tid, node, size, unused and u64 address. Leaf nodes; a parent is one frame nearer to the
// root. Everything here lies in mappings of its own: no block of ours can be taken for another. All
// interpreters of the process share the notes, also those with a GIL of their own.
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <frameobject.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
  kBase = 70001,
  kMaxStrings = 1 << 20,
  kMaxFrames = 1 << 21,
  kMaxNodes = 1 << 23,
  kMaxDepth = 20000,
  kTextBytes = 128 << 20,
  kKept = 64,
};

typedef struct {
  uint32_t begin, length;
  uint64_t hash;
} String;
typedef struct {
  uint32_t name, file, line;
} Frame;
typedef struct {
  uint32_t parent, frame;
} Node;
typedef struct {
  uint32_t tid, node, size, unused;
  uint64_t address;
} Event;

static struct {
  char path[4096];
  char* text;
  uint64_t text_used;
  String* strings;
  Frame* frames;
  Node* nodes;
  Event* events;
  uint32_t *string_index, *frame_index, *node_index;  // open addressing; 0: empty, else id + 1
  uint64_t string_count, frame_count, node_count, event_count, capacity;
  void* kept[kKept];
} g;
// Guards the tables; nothing of Python runs under it.
static pthread_mutex_t g_tables = PTHREAD_MUTEX_INITIALIZER;

static void* Map(size_t bytes) {
  void* at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) Py_FatalError("truth: no memory");
  return at;
}

static uint64_t Mix(uint64_t a, uint64_t b) {
  uint64_t h = (a + 0x9e3779b97f4a7c15u) * 0xbf58476d1ce4e5b9u ^ b;
  h *= 0x94d049bb133111ebu;
  return h ^ (h >> 31);
}

static uint32_t InternText(const char* text, size_t length) {
  uint64_t hash = length;
  for (size_t i = 0; i < length; ++i) hash = (hash ^ (unsigned char)text[i]) * 0x100000001b3u;
  const uint64_t mask = 2 * kMaxStrings - 1;
  for (uint64_t at = Mix(hash, 0) & mask;; at = (at + 1) & mask) {
    const uint32_t found = g.string_index[at];
    if (found == 0) {
      if (g.string_count == kMaxStrings || g.text_used + length > kTextBytes) {
        Py_FatalError("truth: too many names");
      }
      memcpy(g.text + g.text_used, text, length);
      g.strings[g.string_count] = (String){(uint32_t)g.text_used, (uint32_t)length, hash};
      g.text_used += length;
      g.string_index[at] = (uint32_t)++g.string_count;
      return (uint32_t)g.string_count - 1;
    }
    const String* s = &g.strings[found - 1];
    if (s->hash == hash && s->length == length && !memcmp(g.text + s->begin, text, length)) {
      return found - 1;
    }
  }
}

static uint32_t InternObject(PyObject* text) {
  Py_ssize_t length = 1;
  const char* bytes = PyUnicode_AsUTF8AndSize(text, &length);
  if (bytes == NULL) {
    PyErr_Clear();
    bytes = "?";
  }
  pthread_mutex_lock(&g_tables);
  const uint32_t id = InternText(bytes, (size_t)length);
  pthread_mutex_unlock(&g_tables);
  return id;
}

static uint32_t InternFrame(uint32_t name, uint32_t file, uint32_t line) {
  const uint64_t mask = 2 * kMaxFrames - 1;
  for (uint64_t at = Mix(Mix(name, file), line) & mask;; at = (at + 1) & mask) {
    const uint32_t found = g.frame_index[at];
    if (found == 0) {
      if (g.frame_count == kMaxFrames) Py_FatalError("truth: too many frames");
      g.frames[g.frame_count] = (Frame){name, file, line};
      g.frame_index[at] = (uint32_t)++g.frame_count;
      return (uint32_t)g.frame_count - 1;
    }
    const Frame* f = &g.frames[found - 1];
    if (f->name == name && f->file == file && f->line == line) return found - 1;
  }
}

static uint32_t InternNode(uint32_t parent, uint32_t frame) {
  const uint64_t mask = 2 * kMaxNodes - 1;
  for (uint64_t at = Mix(parent, frame) & mask;; at = (at + 1) & mask) {
    const uint32_t found = g.node_index[at];
    if (found == 0) {
      if (g.node_count == kMaxNodes) Py_FatalError("truth: too many stacks");
      g.nodes[g.node_count] = (Node){parent, frame};
      g.node_index[at] = (uint32_t)++g.node_count;
      return (uint32_t)g.node_count - 1;
    }
    const Node* n = &g.nodes[found - 1];
    if (n->parent == parent && n->frame == frame) return found - 1;
  }
}

static uint32_t FrameOf(PyFrameObject* frame) {
#if PY_VERSION_HEX >= 0x03090000
  PyCodeObject* code = PyFrame_GetCode(frame);
#else
  PyCodeObject* code = frame->f_code;
  Py_INCREF(code);
#endif
#if PY_VERSION_HEX >= 0x030b0000
  const uint32_t name = InternObject(code->co_qualname);
#else
  const uint32_t name = InternObject(code->co_name);
#endif
  const int line = PyFrame_GetLineNumber(frame);
  const uint32_t file = InternObject(code->co_filename);
  pthread_mutex_lock(&g_tables);
  const uint32_t id = InternFrame(name, file, line > 0 ? line : 0);
  pthread_mutex_unlock(&g_tables);
  Py_DECREF(code);
  return id;
}

// The calling thread's stack, asked of the interpreter. May run finalizers, which may come back here.
static uint32_t AskStack(void) {
  uint32_t frames[kMaxDepth];
  size_t depth = 0;
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
#if PY_VERSION_HEX >= 0x03090000
  PyFrameObject* frame = PyThreadState_GetFrame(PyThreadState_Get());
#else
  PyFrameObject* frame = PyEval_GetFrame();
  Py_XINCREF(frame);
#endif
  while (frame != NULL) {
    if (depth == kMaxDepth) Py_FatalError("truth: too deep");
    frames[depth++] = FrameOf(frame);
#if PY_VERSION_HEX >= 0x03090000
    PyFrameObject* back = PyFrame_GetBack(frame);
#else
    PyFrameObject* back = frame->f_back;
    Py_XINCREF(back);
#endif
    Py_DECREF(frame);
    frame = back;
  }
  PyErr_Restore(type, value, traceback);
  uint32_t node = 0;
  pthread_mutex_lock(&g_tables);
  while (depth-- > 0) node = InternNode(node, frames[depth]);
  pthread_mutex_unlock(&g_tables);
  return node;
}

static uint64_t NewEvent(uint32_t size) {
  const uint64_t event = __atomic_fetch_add(&g.event_count, 1, __ATOMIC_RELAXED);
  if (event >= g.capacity) Py_FatalError("truth: more blocks than announced");
  g.events[event].tid = (uint32_t)syscall(SYS_gettid);
  g.events[event].size = size;
  return event;
}

static void* Allocate(unsigned kind, size_t size) {
  void* block = NULL;
  switch (kind >> 2 & 3) {
    case 1:
      return calloc(1, size);
    case 2:
      return realloc(NULL, size);
    case 3:
      return posix_memalign(&block, 64, size) == 0 ? block : NULL;
    default:
      return malloc(size);
  }
}

static void TakeBlock(unsigned kind) {
  if (g.events == NULL) return;  // not open: the interpreter shuts down
  const uint32_t size = kBase + kind;
  const int is_after = (kind & 3) == 2;
  uint32_t node = is_after ? 0 : AskStack();
  // From here to the allocation nothing else may run on this thread: order is what is compared.
  const uint64_t event = NewEvent(size);
  void* block;
  if (kind & 1) {
    Py_BEGIN_ALLOW_THREADS;
    block = Allocate(kind, size);
    Py_END_ALLOW_THREADS;
  } else {
    block = Allocate(kind, size);
  }
  if (block == NULL) Py_FatalError("truth: no memory");
  g.events[event].address = (uint64_t)(uintptr_t)block;
  if (is_after) node = AskStack();
  g.events[event].node = node;
  if (kind & 16) {
    block = __atomic_exchange_n(&g.kept[event % kKept], block, __ATOMIC_RELAXED);
  }
  free(block);
}

static unsigned NextKind(void) {
  static uint32_t next = 0;
  return (__atomic_fetch_add(&next, 1, __ATOMIC_RELAXED) * 2654435761u) >> 27;
}

static PyObject* Result(PyObject* arguments) {
  PyObject* result = PyTuple_GET_SIZE(arguments) > 0 ? PyTuple_GET_ITEM(arguments, 0) : Py_None;
  Py_INCREF(result);
  return result;
}

static PyObject* Take(PyObject* self, PyObject* arguments) {
  (void)self;
  TakeBlock(NextKind());
  return Result(arguments);
}

static PyObject* TakeHeld(PyObject* self, PyObject* arguments) {
  (void)self;
  TakeBlock(NextKind() & ~1u);
  return Result(arguments);
}

static PyObject* TakeFree(PyObject* self, PyObject* arguments) {
  (void)self;
  TakeBlock(NextKind() | 1u);
  return Result(arguments);
}

static void HolderDealloc(PyObject* self) {
  TakeBlock(NextKind() & ~1u);
  PyTypeObject* type = Py_TYPE(self);
  type->tp_free(self);
  Py_DECREF(type);
}

static PyType_Slot g_holder_slots[] = {
    {Py_tp_dealloc, HolderDealloc}, {Py_tp_new, PyType_GenericNew}, {0, NULL}};
static PyType_Spec g_holder = {"truth.Holder", sizeof(PyObject), 0, Py_TPFLAGS_DEFAULT,
                               g_holder_slots};

static PyObject* Open(PyObject* self, PyObject* arguments) {
  (void)self;
  const char* path = NULL;
  Py_ssize_t capacity = 0;
  if (!PyArg_ParseTuple(arguments, "sn", &path, &capacity)) return NULL;
  strncpy(g.path, path, sizeof(g.path) - 1);
  g.capacity = (uint64_t)capacity;
  g.text = Map(kTextBytes);
  g.strings = Map(kMaxStrings * sizeof(String));
  g.frames = Map(kMaxFrames * sizeof(Frame));
  g.nodes = Map(kMaxNodes * sizeof(Node));
  g.string_index = Map(2 * sizeof(uint32_t) * kMaxStrings);
  g.frame_index = Map(2 * sizeof(uint32_t) * kMaxFrames);
  g.node_index = Map(2 * sizeof(uint32_t) * kMaxNodes);
  g.node_count = 1;  // no frame
  g.events = Map(g.capacity * sizeof(Event));
  Py_RETURN_NONE;
}

static PyObject* Count(PyObject* self, PyObject* arguments) {
  (void)self;
  (void)arguments;
  return PyLong_FromUnsignedLongLong(g.event_count);
}

static int WriteAll(int fd, const void* bytes, size_t count) {
  const char* at = bytes;
  while (count > 0) {
    const ssize_t n = write(fd, at, count);
    if (n <= 0) return -1;
    at += n;
    count -= (size_t)n;
  }
  return 0;
}

static PyObject* Save(PyObject* self, PyObject* arguments) {
  (void)self;
  (void)arguments;
  const uint64_t counts[4] = {g.string_count, g.frame_count, g.node_count, g.event_count};
  const int fd = open(g.path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  int failed = fd < 0 || WriteAll(fd, "TRUTH1\n", 8) || WriteAll(fd, counts, sizeof(counts));
  for (uint64_t i = 0; i < g.string_count && !failed; ++i) {
    failed = WriteAll(fd, &g.strings[i].length, 4) ||
             WriteAll(fd, g.text + g.strings[i].begin, g.strings[i].length);
  }
  failed = failed || WriteAll(fd, g.frames, g.frame_count * sizeof(Frame)) ||
           WriteAll(fd, g.nodes, g.node_count * sizeof(Node)) ||
           WriteAll(fd, g.events, g.event_count * sizeof(Event));
  if (failed) return PyErr_SetFromErrnoWithFilename(PyExc_OSError, g.path);
  close(fd);
  g.events = NULL;
  Py_RETURN_NONE;
}

static PyMethodDef g_methods[] = {
    {"open", Open, METH_VARARGS, NULL},          {"take", Take, METH_VARARGS, NULL},
    {"take_held", TakeHeld, METH_VARARGS, NULL}, {"take_free", TakeFree, METH_VARARGS, NULL},
    {"count", Count, METH_NOARGS, NULL},         {"save", Save, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static int Execute(PyObject* module) {
  PyObject* holder = PyType_FromSpec(&g_holder);
  return holder == NULL ? -1 : PyModule_AddObject(module, "Holder", holder);
}

static PyModuleDef_Slot g_slots[] = {
    {Py_mod_exec, Execute},
#if PY_VERSION_HEX >= 0x030c0000
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
    {0, NULL},
};

static struct PyModuleDef g_module = {PyModuleDef_HEAD_INIT, "truth", NULL, 0, g_methods,
                                      g_slots, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_truth(void) { return PyModuleDef_Init(&g_module); }
