// SPDX-License-Identifier: Apache-2.0
//
// The calls by which a program limits itself. A forked child opens its ring before the limit holds:
// afterwards it might have no descriptor, no memory or no file of that size to do so.
// Context: as the functions they stand in for.  Allocates: never.
#include <errno.h>
#include <sys/resource.h>
#include <unistd.h>

#include "agent/capture/recording.h"
#include "agent/capture/sandbox.h"
#include "agent/ground/export.h"
#include "agent/ground/private_memory.h"
#include "agent/ground/real_functions.h"

using namespace memwhy::agent;  // NOLINT: the functions below must be global

namespace {

void BeforeLimit(int resource) noexcept {
  if (!g_resolved) ResolveRealFunctions();
  if (resource == RLIMIT_FSIZE || resource == RLIMIT_NOFILE || resource == RLIMIT_AS ||
      resource == RLIMIT_DATA) {
    RecordingThread();
  }
}

// A limit on the address space counts what the agent has reserved and will hardly need.
// Not inlined: a caller may pass null, whatever the declaration of setrlimit says.
[[gnu::noinline]] void BeforeAddressLimit(int resource, const rlimit64* limit) noexcept {
  if (limit == nullptr || limit->rlim_cur == RLIM64_INFINITY) return;
  if (resource != RLIMIT_AS && resource != RLIMIT_DATA) return;
  if (CurrentMode() != kModeRecording ||
      g_agent.ring->pid != static_cast<std::uint32_t>(OwnPid())) {
    return;
  }
  const int saved = errno;
  constexpr std::size_t kSpare = std::size_t{8} << 20;
  TrimPrivate(kSpare);
  g_agent.ring->private_end = g_private.begin + g_private.bytes;
  errno = saved;
}

// One type on 64 bits.
const rlimit64* AsWide(const void* limit) noexcept { return static_cast<const rlimit64*>(limit); }
static_assert(sizeof(rlimit) == sizeof(rlimit64));

}  // namespace

extern "C" {

MEMWHY_EXPORT int setrlimit(__rlimit_resource_t resource, const rlimit* limit) noexcept {
  BeforeLimit(resource);
  BeforeAddressLimit(resource, AsWide(limit));
  return g_real.setrlimit(resource, limit);
}

MEMWHY_EXPORT int setrlimit64(__rlimit_resource_t resource, const rlimit64* limit) noexcept {
  BeforeLimit(resource);
  BeforeAddressLimit(resource, AsWide(limit));
  return g_real.setrlimit(resource, limit);
}

MEMWHY_EXPORT int prlimit(pid_t pid, __rlimit_resource resource, const rlimit* limit,
                          rlimit* old) noexcept {
  if (!g_resolved) ResolveRealFunctions();
  if (limit != nullptr && pid == 0) {
    BeforeLimit(resource);
    BeforeAddressLimit(resource, AsWide(limit));
  }
  return g_real.prlimit(pid, resource, limit, old);
}

MEMWHY_EXPORT int prlimit64(pid_t pid, __rlimit_resource resource, const rlimit64* limit,
                            rlimit64* old) noexcept {
  if (!g_resolved) ResolveRealFunctions();
  if (limit != nullptr && pid == 0) {
    BeforeLimit(resource);
    BeforeAddressLimit(resource, AsWide(limit));
  }
  return g_real.prlimit(pid, resource, limit, old);
}

}  // extern "C"
