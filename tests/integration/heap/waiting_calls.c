// SPDX-License-Identifier: Apache-2.0
// C functions that wait without the GIL, each with a reference of its own, which the compiler may
// keep in a register.
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;

// name(owner, descriptor): holds owner.held while `wait` is at work.
#define WAITING(name, ...)                                                      \
  static PyObject* name(PyObject* self, PyObject* args) {                       \
    PyObject* owner;                                                            \
    int fd;                                                                     \
    char byte;                                                                  \
    ssize_t n = 0;                                                              \
    (void)self;                                                                 \
    if (!PyArg_ParseTuple(args, "Oi", &owner, &fd)) return NULL;                \
    PyObject* held = PyObject_GetAttrString(owner, "held");                     \
    if (held == NULL) return NULL;                                              \
    Py_BEGIN_ALLOW_THREADS                                                      \
    __VA_ARGS__;                                                                \
    Py_END_ALLOW_THREADS                                                        \
    Py_DECREF(held);                                                            \
    return PyLong_FromSsize_t(n + byte);                                        \
  }

WAITING(by_read, n = read(fd, &byte, 1))
WAITING(by_recv, n = recv(fd, &byte, 1, 0))
WAITING(by_poll, struct pollfd one = {fd, POLLIN, 0}; n = poll(&one, 1, -1); byte = 0)
WAITING(by_sleep, struct timespec time = {3600, 0}; n = nanosleep(&time, NULL); byte = 0)
WAITING(by_condition, pthread_mutex_lock(&mutex); n = pthread_cond_wait(&condition, &mutex);
        pthread_mutex_unlock(&mutex); byte = 0)

// Waits with an object that nobody else knows yet.
static PyObject* with_new(PyObject* self, PyObject* args) {
  PyObject* type;
  int fd;
  char byte = 0;
  ssize_t n;
  (void)self;
  if (!PyArg_ParseTuple(args, "Oi", &type, &fd)) return NULL;
  PyObject* made = PyObject_CallObject(type, NULL);
  if (made == NULL) return NULL;
  Py_BEGIN_ALLOW_THREADS
  n = read(fd, &byte, 1);
  Py_END_ALLOW_THREADS
  Py_DECREF(made);
  return PyLong_FromSsize_t(n + byte);
}

static PyMethodDef methods[] = {{"by_read", by_read, METH_VARARGS, NULL},
                                {"by_recv", by_recv, METH_VARARGS, NULL},
                                {"by_poll", by_poll, METH_VARARGS, NULL},
                                {"by_sleep", by_sleep, METH_VARARGS, NULL},
                                {"by_condition", by_condition, METH_VARARGS, NULL},
                                {"with_new", with_new, METH_VARARGS, NULL},
                                {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "waiting_calls", NULL, -1, methods,
                                    NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_waiting_calls(void) { return PyModule_Create(&module); }
