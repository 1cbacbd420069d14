// SPDX-License-Identifier: Apache-2.0
// A program that lives with faults, as garbage collectors of other languages do: a thread without
// the GIL writes to a page that may not be written, and a handler of SIGSEGV permits it.
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096
static char* page;
static atomic_long handled;
static atomic_int is_over;
static pthread_t thread;

static void on_fault(int number, siginfo_t* info, void* context) {
  (void)context;
  if (info->si_addr != page) {  // not ours: die of it
    signal(number, SIG_DFL);
    return;
  }
  mprotect(page, PAGE, PROT_READ | PROT_WRITE);
  ++handled;
}

static void* write_on(void* unused) {
  sigset_t others;  // what wakes a thread to serve a request shall wake another one
  sigfillset(&others);
  sigdelset(&others, SIGSEGV);
  pthread_sigmask(SIG_SETMASK, &others, NULL);
  while (!is_over) {
    mprotect(page, PAGE, PROT_READ);
    *(volatile char*)page = 1;
    usleep(100);
  }
  return unused;
}

static PyObject* start(PyObject* self, PyObject* unused) {
  (void)self;
  (void)unused;
  page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  struct sigaction action;
  memset(&action, 0, sizeof(action));
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO;
  if (page == MAP_FAILED || sigaction(SIGSEGV, &action, NULL) != 0 ||
      pthread_create(&thread, NULL, write_on, NULL) != 0) {
    return PyErr_SetFromErrno(PyExc_OSError);
  }
  Py_RETURN_NONE;
}

// How many faults were handled.
static PyObject* count(PyObject* self, PyObject* unused) {
  (void)self;
  (void)unused;
  return PyLong_FromLong(handled);
}

// Whether the handler is still that of start().
static PyObject* is_in_place(PyObject* self, PyObject* unused) {
  (void)self;
  (void)unused;
  struct sigaction now;
  sigaction(SIGSEGV, NULL, &now);
  return PyBool_FromLong(now.sa_sigaction == on_fault && (now.sa_flags & SA_NODEFER) == 0);
}

static PyObject* stop(PyObject* self, PyObject* unused) {
  (void)self;
  (void)unused;
  is_over = 1;
  pthread_join(thread, NULL);
  Py_RETURN_NONE;
}

static PyMethodDef methods[] = {{"start", start, METH_NOARGS, NULL},
                                {"count", count, METH_NOARGS, NULL},
                                {"is_in_place", is_in_place, METH_NOARGS, NULL},
                                {"stop", stop, METH_NOARGS, NULL},
                                {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "faulting", NULL, -1, methods,
                                    NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_faulting(void) { return PyModule_Create(&module); }
