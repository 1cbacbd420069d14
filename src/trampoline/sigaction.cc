// SPDX-License-Identifier: Apache-2.0
//
// Stands in for sigaction: an interpreter calls it early in its initialisation, with the GIL held.
#include <dlfcn.h>
#include <signal.h>

#include <cerrno>

#include "trampoline/install.h"

namespace {

using Sigaction = int (*)(int, const struct sigaction*, struct sigaction*);

Sigaction g_real = nullptr;

__attribute__((constructor)) void FindReal() {
  g_real = reinterpret_cast<Sigaction>(dlsym(RTLD_NEXT, "sigaction"));
}

}  // namespace

extern "C" __attribute__((visibility("default"))) int sigaction(int number,
                                                                const struct sigaction* action,
                                                                struct sigaction* old) noexcept {
  if (g_real == nullptr) FindReal();
  if (g_real == nullptr) {
    errno = ENOSYS;
    return -1;
  }
  const int before = errno;
  memwhy::trampoline::InstallOnce();
  errno = before;
  return g_real(number, action, old);
}
