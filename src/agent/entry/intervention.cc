// SPDX-License-Identifier: Apache-2.0
#include "agent/entry/intervention.h"

#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>

#include <cstdlib>
#include <cstring>

#include "agent/ground/pending_request.h"
#include "agent/ground/text_buffer.h"
#include "agent/python/python_api.h"
#include "agent/python/python_thread.h"
#include "wire/clock.h"

namespace memwhy::agent {
namespace {

// Python statements. They set `answer`; `error` instead where there is nothing to do; and when they
// predict `ns`, digits. The numbers are measured: benchmarks/interventions.
struct Statements {
  const char* name;
  const char* predict;
  const char* act;
};

constexpr Statements kStatements[] = {
    {"gc",
     "import sys\n"
     "blocks = sys.getallocatedblocks()\n"
     "ns = str(blocks * 200)\n"
     "answer = f'all threads of Python wait meanwhile; at most {blocks:,} objects'\n",
     "import gc\n"
     "kept = len(gc.garbage)\n"
     "found = gc.collect()\n"
     "kept = len(gc.garbage) - kept\n"
     "answer = f'{found:,} unreachable objects found'\n"
     "if kept > 0: answer += f', {kept:,} of them kept in gc.garbage'\n"
     "if gc.get_freeze_count(): answer += f'; {gc.get_freeze_count():,} frozen objects left "
     "out'\n"},
    {"empty_cache",
     "import sys\n"
     "torch = sys.modules.get('torch')\n"
     "if torch is None: error = 'PyTorch is not loaded'\n"
     "elif not torch.cuda.is_initialized():\n"
     "    error = 'CUDA is not initialized in this process: it has no cache to empty'\n"
     "else:\n"
     "    stats = [torch.cuda.memory_stats(i) for i in range(torch.cuda.device_count())]\n"
     "    segments = sum(s.get('segment.all.current', 0) for s in stats)\n"
     "    ns = str(segments * 1000000 + 1000000)\n"
     "    answer = f'waits for the device; at most {segments:,} segments of it go back'\n",
     "import sys\n"
     "torch = sys.modules['torch']\n"
     "devices = range(torch.cuda.device_count())\n"
     "before = [torch.cuda.memory_reserved(i) for i in devices]\n"
     "torch.cuda.empty_cache()\n"
     "host = getattr(torch._C, '_host_emptyCache', None)\n"
     "if host is not None: host()\n"
     "after = [torch.cuda.memory_reserved(i) for i in devices]\n"
     "answer = '; '.join(f'cuda:{i} reserved {b:,} -> {a:,} bytes'\n"
     "                   for i, (b, a) in enumerate(zip(before, after)) if b or a)\n"
     "answer = answer or 'nothing was reserved'\n"},
    {"dynamo_reset",
     "import sys\n"
     "if 'torch._dynamo' not in sys.modules:\n"
     "    error = 'torch.compile is not used: torch._dynamo is not loaded'\n"
     "else:\n"
     "    ns = '1000000'\n"
     "    answer = 'each compiled function is compiled again at its next call: seconds to "
     "minutes'\n",
     "import sys\n"
     "sys.modules['torch._dynamo'].reset()\n"
     "answer = 'what was compiled is forgotten'\n"},
};

constexpr char kTrim[] = "trim";
constexpr std::uint64_t kTrimNsPerMiB = 250'000;  // of free memory
constexpr int kFileInput = 257;                   // Py_file_input

struct Job {
  const char* statements = nullptr;
  InterventionResult result;
};

// A text that the statements have set; "" if they have not.
const char* TextOf(PyObj* names, const char* name) noexcept {
  PyObj* text = g_python_api.PyDict_GetItemString(names, name);
  const char* utf8 = text == nullptr ? nullptr : g_python_api.PyUnicode_AsUTF8(text);
  return utf8 == nullptr ? "" : utf8;
}

template <std::size_t N>
void Put(char (&field)[N], const char* text) noexcept {
  TextBuffer(field, N).Text(text);
}

// With the GIL.
void RunStatements(Job& job) noexcept {
  const PythonApi& api = g_python_api;
  PyObj* names = api.PyDict_New();
  PyObj* builtins = api.PyEval_GetBuiltins();
  if (names == nullptr || builtins == nullptr) return Put(job.result.error, "no memory");
  api.PyDict_SetItemString(names, "__builtins__", builtins);
  const std::uint64_t before = wire::MonotonicNs();
  PyObj* outcome = api.PyRun_StringFlags(job.statements, kFileInput, names, names, nullptr);
  job.result.ns = wire::MonotonicNs() - before;
  if (outcome == nullptr) {
    api.PyErr_Clear();
    Put(job.result.error, "it raised an exception");
  } else {
    Put(job.result.error, TextOf(names, "error"));
    Put(job.result.answer, TextOf(names, "answer"));
    const char* digits = TextOf(names, "ns");
    if (*digits != '\0') job.result.ns = std::strtoull(digits, nullptr, 10);
    api.Py_DecRef(outcome);
  }
  api.Py_DecRef(names);
  job.result.is_done = job.result.error[0] == '\0';
}

void* RunJob(void* argument) {
  auto& job = *static_cast<Job*>(argument);
  void* const state = TakeGil();
  if (state == nullptr) {
    Put(job.result.error, "no memory for a thread of Python");
    return nullptr;
  }
  RunStatements(job);
  GiveGil(state);
  return nullptr;
}

bool CanRunStatements() noexcept {
  const PythonApi& api = g_python_api;
  return api.PyRun_StringFlags != nullptr && api.PyDict_New != nullptr &&
         api.PyDict_SetItemString != nullptr && api.PyDict_GetItemString != nullptr &&
         api.PyUnicode_AsUTF8 != nullptr && api.PyErr_Clear != nullptr &&
         api.PyEval_GetBuiltins != nullptr && api.Py_DecRef != nullptr;
}

// On an ordinary thread, all signals blocked as ours are: the program's handlers run elsewhere.
InterventionResult OnOrdinaryThread(const char* statements) noexcept {
  Job job;
  job.statements = statements;
  if (!CanRunStatements()) {
    Put(job.result.error, "this Python cannot be asked to run code");
    return job.result;
  }
  // If the interpreter ends meanwhile, the thread does before it has answered.
  Put(job.result.error, "the interpreter is ending");
  t_serves_request = false;
  pthread_t thread;
  const bool has_begun = pthread_create(&thread, nullptr, &RunJob, &job) == 0;
  if (has_begun) pthread_join(thread, nullptr);
  t_serves_request = true;
  if (!has_begun) Put(job.result.error, "no thread could be started");
  return job.result;
}

// "" or why malloc_trim would do nothing for this program.
const char* WhyNoTrim() noexcept {
  if (dlsym(RTLD_DEFAULT, "malloc_trim") == nullptr) return "this C library has no malloc_trim";
  for (const char* name : {"mallctl", "mi_malloc", "tc_malloc"}) {
    if (dlsym(RTLD_DEFAULT, name) != nullptr) {
      return "malloc is not that of the C library: malloc_trim does not know its memory";
    }
  }
  return "";
}

std::uint64_t FreeInMalloc() noexcept {
  struct mallinfo2 (*look)() = nullptr;  // glibc 2.33
  look = reinterpret_cast<decltype(look)>(dlsym(RTLD_DEFAULT, "mallinfo2"));
  return look == nullptr ? 0 : look().fordblks;
}

InterventionResult Trim(bool predicts) noexcept {
  InterventionResult result;
  Put(result.error, WhyNoTrim());
  if (result.error[0] != '\0') return result;
  result.is_done = true;
  if (predicts) {
    const std::uint64_t mib = (FreeInMalloc() >> 20) + 1;
    result.ns = mib * kTrimNsPerMiB;
    TextBuffer(result.answer, sizeof(result.answer))
        .Text("threads that allocate wait meanwhile; about ")
        .Number(mib)
        .Text(" MiB are free in malloc");
    return result;
  }
  const auto trim = reinterpret_cast<int (*)(std::size_t)>(dlsym(RTLD_DEFAULT, "malloc_trim"));
  const std::uint64_t before = wire::MonotonicNs();
  const bool gave_back = trim(0) != 0;
  result.ns = wire::MonotonicNs() - before;
  Put(result.answer, gave_back ? "pages were given back" : "no page could be given back");
  return result;
}

InterventionResult Run(const char* name, bool predicts) noexcept {
  if (std::strcmp(name, kTrim) == 0) return Trim(predicts);
  for (const Statements& one : kStatements) {
    if (std::strcmp(name, one.name) != 0) continue;
    return OnOrdinaryThread(predicts ? one.predict : one.act);
  }
  InterventionResult unknown;
  Put(unknown.error, "the agent does not know this intervention");
  return unknown;
}

}  // namespace

InterventionResult PredictIntervention(const char* name) noexcept { return Run(name, true); }

InterventionResult Intervene(const char* name) noexcept { return Run(name, false); }

}  // namespace memwhy::agent
